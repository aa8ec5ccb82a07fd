"""What does a layer say of this protein?"""

from dashboard.controls.features import choose_layer, features_of, say_reconstruction
from dashboard.page_parts import introduce
from dashboard.question import Question
from dashboard.views.features.effects import effects_at_the_residue
from dashboard.views.features.heatmap import where_they_fire
from dashboard.views.features.listed import which_they_are

TITLE, PATH = "Features", "features"


def page(question: Question) -> None:
    introduce(
        "What does a layer say of this protein?",
        "What does the model note of each residue on its way to a prediction? A sparse autoencoder reads a layer's "
        "stream as a few active features out of thousands, each a direction.",
        "Shown are the features active in this protein, masked as in the sidebar, those that few proteins have first.",
        "A feature's name is the concept it agrees with best on held-out proteins; below F1 0.5 it is unnamed. What a "
        "feature does to the prediction is measured below by switching it off, the rest of the stream left as it is.",
    )
    layer = choose_layer(question)
    if layer is None:
        return
    found = features_of(question, layer)
    where_they_fire(question, found)
    say_reconstruction(question, layer)  # after the picture: it takes longer than the features do
    which_they_are(question, found)
    effects_at_the_residue(question, found)
