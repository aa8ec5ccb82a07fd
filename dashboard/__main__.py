"""Opens the dashboard: `python -m dashboard`, with the options of `streamlit run`."""

import sys
import threading
from importlib import import_module
from pathlib import Path

from streamlit.web.cli import main

if __name__ == "__main__":
    # Streamlit reads a script when the first browser comes: PyTorch and the pages are read while that one starts
    threading.Thread(target=import_module, args=("dashboard.menu",), daemon=True).start()
    app = Path(__file__).with_name("app.py")
    sys.argv = ["streamlit", "run", str(app), *sys.argv[1:]]
    main()
