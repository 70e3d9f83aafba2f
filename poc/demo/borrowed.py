"""The words that Gradio itself puts on the page, in the page's language. Gradio speaks the browser's language, or English where it has no translation; a visitor who turns the page would read two.

It also names the radio buttons of one field alike: Gradio 6 gives each a name of its own, and then no arrow key moves from one to the next.

Only exact, whole texts of the parts below are exchanged, in both directions; what Gradio says differently one day stays as it says it, and tests/test_demo_access.py tells.
"""

import json

from poc.words import Text, both

WORDS: tuple[Text, ...] = (
    both("Click to Access Webcam", "カメラを使う"), both("grant webcam access", "カメラの使用を許可"), both("capture photo", "撮影する"), both("select input source", "カメラを選ぶ"), both("select source", "カメラ"),
    both("Record", "録音"), both("Stop", "停止"), both("Pause", "一時停止"), both("Resume", "再開"), both("Play", "再生"), both("Clear", "消去"), both("Select input device", "マイクを選ぶ"), both("No microphone found", "マイクが見つかりません"),
    both("Reset to default value", "元の値に戻す"),
)  # fmt: skip
THUMBNAIL = both("Thumbnail {n} of {all}", "{all} 枚中 {n} 枚目")
NUMBER_OF, SLIDER_OF = both("number input for {label}", "{label}（入力欄）"), both("range slider for {label}", "{label}（スライダー）")
PLACES = "#camera, #microphone, #samples, #mode-decide"  # where Gradio's own words stand
_JS = """() => {
  if (window.borrowedWords) return;
  window.borrowedWords = true;
  const words = %s, patterns = %s, names = ["aria-label", "title"];
  const spoken = (text, to) => {
    const plain = text.trim();
    const found = words.find((one) => one.en === plain || one.ja === plain);
    if (found) return text.replace(plain, found[to]);
    for (const one of patterns) {
      for (const from of ["en", "ja"]) {
        const holes = [...one[from].matchAll(/\\{(\\w+)\\}/g)].map((hole) => hole[1]);
        const match = plain.match(new RegExp("^" + one[from].replace(/[()（）]/g, "\\\\$&").replace(/\\{\\w+\\}/g, "(.+)") + "$"));
        if (match) return one[to].replace(/\\{(\\w+)\\}/g, (_, name) => match[1 + holes.indexOf(name)]);
      }
    }
    return text;
  };
  const turn = () => {
    const to = document.documentElement.lang === "ja" ? "ja" : "en";
    for (const field of document.querySelectorAll("fieldset[id]")) for (const one of field.querySelectorAll("input[type=radio]")) if (one.name !== field.id) one.name = field.id;
    for (const place of document.querySelectorAll("%s")) {
      const walk = document.createTreeWalker(place, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
      for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        if (node.nodeType === Node.TEXT_NODE) { if (node.parentElement.closest(".prose, .html-container, #yen-result")) continue; const said = spoken(node.data, to); if (said !== node.data) node.data = said; continue; }
        for (const name of names) { const was = node.getAttribute(name); if (was) { const said = spoken(was, to); if (said !== was) node.setAttribute(name, said); } }
      }
    }
  };
  let due = 0;
  new MutationObserver(() => { if (!due) due = setTimeout(() => { due = 0; turn(); }, 50); }).observe(document.documentElement, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["lang", ...names] });
  turn();
}"""
LISTEN = _JS % (json.dumps(WORDS), json.dumps((THUMBNAIL, NUMBER_OF, SLIDER_OF)), PLACES)
