"""A photo taken on the page with the machine's own camera. It is uploaded like a file and goes the way of the files: `uploads` looks at it, `belongings` deletes it."""

import gradio as gr

from poc.demo.inputs import Camera
from poc.demo.words import safe
from poc.words import both

TAKE = both("Take a photo with the camera", "カメラで撮影")
NO_CAMERA = both("No camera can be used here: there is none, another program has it, or the browser does not allow it (it is allowed on 127.0.0.1 and over https). Add a file instead.",
                 "カメラを使えません。接続されていない、ほかのプログラムが使用中、またはブラウザーが許可していません（127.0.0.1 か https なら許可できます）。ファイルを追加してください。")  # fmt: skip
HEIGHT = 260  # pixels
# Gradio does not catch what the browser says when there is no camera, or none for this page; so the page says it. The box shows itself when it is needed, and goes when somebody tries again.
LISTEN = """() => {
  if (window.cameraWatched) return;
  window.cameraWatched = true;
  const told = (there) => document.documentElement.classList.toggle("no-camera", there);
  document.addEventListener("click", (event) => {
    if (!event.target.closest || !event.target.closest("#camera")) return;
    told(false);
    if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) { event.stopPropagation(); told(true); }
  }, true);
  window.addEventListener("unhandledrejection", (event) => {
    const box = document.querySelector("#camera");
    if (box && box.offsetParent && event.reason instanceof DOMException && /NotFound|NotAllowed|NotReadable|Overconstrained|Security|Abort/.test(event.reason.name)) { event.preventDefault(); told(true); }
  });
}"""


def camera() -> Camera:
    """The component. The photo is not mirrored, since words may stand on the part; a phone takes the camera at its back."""
    options = gr.WebcamOptions(mirror=False, constraints={"video": {"facingMode": "environment", "width": {"ideal": 1280}}})
    return Camera(sources=["webcam"], type="filepath", image_mode=None, interactive=True, buttons=[], height=HEIGHT, webcam_options=options, elem_id="camera")


def absent(language: str) -> str:
    """The sentence for where there is no camera, unseen until the browser says so."""
    return f'<p class="message refused" id="no-camera" role="alert">{safe(NO_CAMERA[language])}</p>'
