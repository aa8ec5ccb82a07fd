"""Opens the dashboard: `python -m dashboard`, with the options of `streamlit run`."""

import sys
import threading
from pathlib import Path

from streamlit.web.cli import main


def read_ahead() -> None:
    """Reads PyTorch, the pages and the first model, which Streamlit would read when the first browser is there."""
    import dashboard.menu  # noqa: F401
    from core.model import EMBEDDED
    from dashboard.engine import model

    model(EMBEDDED)


if __name__ == "__main__":
    threading.Thread(target=read_ahead, daemon=True).start()
    sys.argv = ["streamlit", "run", str(Path(__file__).with_name("app.py")), *sys.argv[1:]]
    main()
