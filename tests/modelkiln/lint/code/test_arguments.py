"""Values that reach functions from elsewhere: callers, pages of Gradio and Streamlit, lists that grow, properties."""

import pytest

from modelkiln.lint.linter import lint
from modelkiln.lint.subject import SourceFile, Subject


def found(body):
    """Rules and lines of what is found in a program."""
    findings = lint(Subject("x", (SourceFile("app.py", body.encode()),)))
    return [(one.rule, one.line) for one in findings]


@pytest.mark.parametrize(
    "caller",
    [
        "def main():\n    config = Config()\n    predict(config)\n",
        "def main():\n    predict(config=Config())\n",
        "def main():\n    predict(Config)\n",
    ],
)
def test_an_instance_that_callers_hand_over_is_known(caller):
    """What its class declares is what its attributes are in the function."""
    body = (
        "import torch\n\nclass Config:\n    FOLDER = 'weights'\n\n"
        "def predict(config):\n    return torch.load(config.FOLDER + '/w.pt')\n\n" + caller
    )
    assert [("MK107", 7)] == found(body)


def test_an_argument_is_of_the_class_that_it_is_declared_to_be():
    """An annotation says what no caller in the package does."""
    body = (
        "import torch\n\nclass Config:\n    FILE = 'w.pt'\n\n"
        "def predict(config: Config):\n    torch.load(config.FILE)\n"
    )
    assert [("MK107", 7)] == found(body)


def test_an_instance_that_an_attribute_holds_is_known():
    """`self.config` is what `__init__` was given."""
    body = (
        "import torch\n\nclass Config:\n    FILE = 'w.pt'\n\nclass Model:\n    def __init__(self, config: Config):\n"
        "        self.config = config\n\n    def load(self):\n        return torch.load(self.config.FILE)\n"
    )
    assert [("MK107", 11)] == found(body)


PAGE = """\
import gradio as gr
from transformers import AutoModel

def answer(name, text):
    return AutoModel.from_pretrained(name)(text)

with gr.Blocks() as page:
    chosen = gr.{component}
    text = gr.Textbox()
    button = gr.Button("Run")
    button.click({given})
"""


@pytest.mark.parametrize(
    "component",
    [
        "Dropdown(choices=['ada/bert-7b'], label='Model')",
        "Dropdown([('Small', 'ada/bert-7b')])",
        "Radio(['small', 'large'], value='ada/bert-7b')",
        "Textbox(value='ada/bert-7b')",
        "Textbox('ada/bert-7b')",
    ],
)
@pytest.mark.parametrize("given", ["answer, [chosen, text], [text]", "fn=answer, inputs=[chosen, text], outputs=text"])
def test_what_users_choose_on_a_page_reaches_the_function_that_it_calls(component, given):
    """Choices and first values of a component are those of the argument in its place."""
    assert [("MK201", 5), ("MK301", 5)] == found(PAGE.format(component=component, given=given))


def test_files_that_users_upload_are_copies():
    """The value of a picture is an example of it, and the function gets a file in a temporary folder."""
    body = (
        "import gradio as gr\nfrom PIL import Image\n\ndef answer(path):\n    return Image.open(path)\n\n"
        "gr.Interface(fn=answer, inputs=[gr.Image(type='filepath')], outputs='image')\n"
    )
    assert [] == found(body)


@pytest.mark.parametrize(
    ("page", "number"),
    [("gr.Interface(fn=answer, inputs=[gr.Radio(['ada/bert-7b'])])", 0),
     ("gr.ChatInterface(fn=answer, additional_inputs=[gr.Radio(['ada/bert-7b'])])", 2)],
)  # fmt: skip
def test_pages_that_are_made_of_one_function(page, number):
    """A chat hands over the message and what was said before its other components."""
    names = ["name", "text", "more"]
    body = (
        f"import gradio as gr\nfrom transformers import AutoModel\n\ndef answer({', '.join(names)}):\n"
        f"    return AutoModel.from_pretrained({names[number]})\n\n{page}\n"
    )
    assert [("MK201", 5), ("MK301", 5)] == found(body)


@pytest.mark.parametrize("chooser", ["selectbox", "sidebar.selectbox", "radio"])
def test_what_users_choose_in_streamlit(chooser):
    """A choice may be each of its options."""
    body = (
        "import streamlit as st\nfrom transformers import pipeline\n\n"
        f"name = st.{chooser}('Model', ['ada/bert-7b', 'ada/bert-13b'])\nmodel = pipeline('fill-mask', model=name)\n"
    )
    assert [("MK201", 5), ("MK301", 5)] == found(body)


@pytest.mark.parametrize(
    "made",
    [
        "paths = []\npaths.append('models/a.pt')\n",
        "paths = []\npaths.extend(['models/a.pt'])\n",
        "paths = []\npaths += ['models/a.pt']\n",
        "paths = ['models/' + one for one in names]\n\n",
    ],
)
def test_lists_are_what_is_added_to_them(made):
    """A loop over a list that grew gives what it grew by."""
    body = f"import torch\n\nnames = ['a.pt']\n{made}for path in paths:\n    torch.load(path)\n"
    assert [("MK107", 7)] == found(body)


def test_a_list_of_the_same_name_in_another_function_is_another_list():
    """What one function adds to its list is not in the list of another one."""
    body = (
        "import torch\n\ndef first():\n    paths = []\n    paths.append('models/a.pt')\n    return paths\n\n"
        "def second(paths):\n    for path in paths:\n        torch.load(path)\n"
    )
    assert [] == found(body)


def test_properties_are_what_they_return():
    """A method that is read as an attribute is followed like one that is called."""
    body = (
        "import torch\n\nclass Model:\n    @property\n    def path(self):\n        return 'models/a.pt'\n\n"
        "    def load(self):\n        return torch.load(self.path)\n"
    )
    assert [("MK107", 9)] == found(body)


def test_a_key_that_is_computed_may_be_any():
    """The values of a dictionary whose keys are items of another one are all followed."""
    body = (
        "import torch\n\nNAMES = {'base': 'Base model'}\nPATHS = {NAMES['base']: 'models/a.pt'}\n"
        "torch.load(PATHS['Base model'])\n"
    )
    assert [("MK107", 5)] == found(body)
