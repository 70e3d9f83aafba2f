"""The demo's look: a calm, light, printable page from the fonts that the reader's system has. Nothing is fetched from anywhere."""

import gradio as gr

# Latin first, then what Windows, macOS, Linux and phones have for Japanese
FONTS = ("system-ui", "-apple-system", "Segoe UI", "Hiragino Sans", "Yu Gothic UI", "Meiryo", "Noto Sans CJK JP", "Noto Sans JP", "IPAGothic", "sans-serif")
MONO = ("ui-monospace", "Consolas", "Menlo", "Noto Sans Mono", "monospace")

INK, QUIET, LINE, PAPER, CARD = "#1c2b33", "#52626b", "#d9e0e0", "#f6f7f4", "#ffffff"
TEAL, TEAL_DARK, TEAL_SOFT = "#0f6b66", "#0a4f4b", "#e3f0ee"


def theme() -> gr.themes.Base:
    """Light in every setting: the dark variants are the light ones, so that a page looks and prints the same everywhere."""
    made = gr.themes.Base(primary_hue="teal", neutral_hue="slate", font=FONTS, font_mono=MONO, radius_size="md", text_size="md").set(
        body_background_fill=PAPER,
        body_text_color=INK,
        body_text_color_subdued=QUIET,
        background_fill_primary=CARD,
        background_fill_secondary=PAPER,
        block_background_fill=CARD,
        block_border_color=LINE,
        block_border_width="1px",
        block_shadow="none",
        block_title_text_color=INK,
        block_label_text_color=QUIET,
        border_color_primary=LINE,
        input_background_fill=CARD,
        input_border_color="#8b9aa1",
        input_border_width="1px",
        input_placeholder_color=QUIET,
        button_primary_background_fill=TEAL,
        button_primary_background_fill_hover=TEAL_DARK,
        button_primary_text_color="#ffffff",
        button_secondary_background_fill=CARD,
        button_secondary_background_fill_hover=TEAL_SOFT,
        button_secondary_border_color="#8b9aa1",
        button_secondary_text_color=INK,
        button_border_width="1px",
        button_primary_border_color=TEAL,
        slider_color=TEAL,
        color_accent=TEAL,
        color_accent_soft=TEAL_SOFT,
        border_color_accent=TEAL,
        checkbox_border_color="#77868e",
        checkbox_border_color_hover=TEAL,
        checkbox_background_color_selected=TEAL,
        checkbox_border_color_selected=TEAL,
        checkbox_label_background_fill=CARD,
    )
    same = {name: getattr(made, name.removesuffix("_dark")) for name in vars(made) if name.endswith("_dark")}
    return made.set(**{name: value for name, value in same.items() if value is not None})


# Gradio puts a prefix before every selector inside @media, so what concerns .gradio-container itself adapts by clamp() instead
CSS = f"""
.gradio-container {{ max-width: 1180px !important; margin: 0 auto !important; padding: 0 0 40px !important; color: {INK}; }}
.gradio-container .fillable {{ padding: clamp(12px, 2vw, 28px) clamp(14px, 4vw, 44px) !important; }}
.gradio-container .html-container {{ padding: 0 !important; }}
.gradio-container h1 {{ font-size: clamp(1.4rem, 3.4vw, 1.9rem); line-height: 1.25; font-weight: 650; margin: 0 0 14px; letter-spacing: -.01em; text-wrap: balance; }}
.gradio-container h2 {{ font-size: 1.15rem; font-weight: 650; margin: 0; }}
.gradio-container h3 {{ font-size: .95rem; font-weight: 600; margin: 0; color: {QUIET}; }}
.gradio-container .kicker {{ color: {TEAL}; font-weight: 600; font-size: .875rem; margin: 0 !important; }}
.gradio-container .kicker + h1 {{ margin-top: 2px !important; }}
.label {{ display: block; color: {QUIET}; font-size: .8125rem; }}
.hint {{ color: {QUIET}; font-size: .9rem; margin: 2px 0 4px; }}
#language {{ border: 0; background: transparent; padding: 0; min-width: 0; width: fit-content; margin-left: auto; flex-grow: 0; }}

.banner {{ padding: 12px 16px; border-radius: 8px; margin: 0 0 12px; line-height: 1.55; }}
.banner.rehearsal {{ background: #a4161a; color: #fff; }}
.banner.recorded {{ background: #fdf3d8; color: #4f3b00; border: 1px solid #e3c878; }}
.banner strong {{ margin-right: .4em; color: inherit; }}

.banner progress {{ accent-color: {TEAL}; vertical-align: middle; margin-right: .4em; }}

.verdict {{ display: flex; gap: 20px; align-items: flex-start; background: {CARD}; border: 1px solid {LINE}; border-left: 6px solid #77868e; border-radius: 8px; padding: 16px 20px; }}
.verdict.go {{ border-left-color: #1a7446; }} .verdict.stop {{ border-left-color: #a4161a; }} .verdict.grey {{ border-left-color: #a66a00; }}
.verdict p {{ margin: 0 0 6px; line-height: 1.55; }} .verdict p:last-child {{ margin: 0; }}
.verdict .badge {{ flex: none; min-width: 7.5em; color: {QUIET}; font-size: .8125rem; }}
.verdict .badge b {{ display: block; font-size: 1.5rem; line-height: 1.2; color: {INK}; }}
.verdict.go .badge b {{ color: #1a7446; }} .verdict.stop .badge b {{ color: #a4161a; }} .verdict.grey .badge b {{ color: #8a5800; }}

.chip {{ display: inline-block; padding: 1px 9px; border-radius: 999px; font-size: .8125rem; font-weight: 600; white-space: nowrap; }}
.chip.example {{ background: #fdf3d8; color: #4f3b00; border: 1px solid #e3c878; }}
.chip.right {{ background: #e0f2e7; color: #14572f; }} .chip.wrong {{ background: #fbe4e4; color: #8c1216; }}

#samples .grid-wrap {{ min-height: 0 !important; height: auto !important; padding: 4px; }}
#samples .grid-container {{ gap: 8px; grid-template-columns: repeat(4, minmax(0, 1fr)) !important; grid-template-rows: none !important; grid-auto-rows: auto !important; }}
#samples .thumbnail-item {{ aspect-ratio: 1; height: auto; }}
#samples .caption-label {{ background: rgba(255,255,255,.92); color: {INK}; font-size: .75rem; border-radius: 4px; }}
#samples .thumbnail-item.selected, #samples .thumbnail-item:focus-visible {{ outline: 3px solid {TEAL}; outline-offset: 1px; }}

.evidence {{ background: {CARD}; border: 1px solid {LINE}; border-radius: 8px; padding: 12px; }}
.evidence .photo {{ display: block; width: auto; height: auto; max-width: 100%; min-width: min(100%, 240px); max-height: 340px; margin: 0 auto; border-radius: 4px; object-fit: contain; }}
.evidence video {{ display: block; width: 100%; max-height: 340px; background: #000; border-radius: 4px; }}
.evidence .wave {{ display: block; width: 100%; height: 90px; border-radius: 4px; margin-top: 8px; }}
.evidence audio {{ display: block; width: 100%; margin-top: 8px; }}
.evidence blockquote {{ margin: 10px 0 0; padding: 8px 12px; border-left: 3px solid #8b9aa1; background: {PAPER}; white-space: pre-wrap; color: {INK}; }}
.evidence .missing {{ color: {QUIET}; margin: 4px; }}

.question p {{ font-size: 1.15rem; font-weight: 600; margin: 0 0 6px; text-wrap: balance; }} .question p.foot {{ font-size: .85rem; font-weight: 400; margin-top: 8px; }}
.options {{ list-style: none; display: flex; flex-wrap: wrap; gap: 6px; padding: 0; margin: 0; }}
.options li {{ border: 1px solid {LINE}; border-radius: 999px; padding: 1px 10px; margin: 0; font-size: .875rem; background: {CARD}; color: {QUIET}; }}

.message {{ margin: 0; padding: 14px 16px; border-radius: 8px; line-height: 1.55; }}
.message.quiet {{ color: {QUIET}; border: 1px dashed #b7c2c6; }}
.message.busy {{ background: {TEAL_SOFT}; color: {TEAL_DARK}; }}
.message.refused {{ background: #fbe4e4; color: #7a1014; }}

.truth {{ margin: 0 0 12px; }} .truth b {{ font-size: 1.15rem; }} .truth.none {{ color: {QUIET}; }}
.pair {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: 12px; }}
.card {{ background: {CARD}; border: 1px solid {LINE}; border-radius: 8px; padding: 14px 16px; }}
.card.tuned {{ border-color: {TEAL}; box-shadow: inset 0 3px 0 {TEAL}; }}
.card.base {{ box-shadow: inset 0 3px 0 #8b9aa1; }}
.card p.said {{ display: flex; align-items: center; flex-wrap: wrap; gap: 4px 10px; margin: 2px 0 12px; }}
.card p.said b {{ font-size: 1.45rem; line-height: 1.3; overflow-wrap: anywhere; }}
.bars {{ list-style: none; padding: 0; margin: 0; display: grid; grid-template-columns: fit-content(50%) minmax(4em, 1fr) auto; gap: 6px 10px; align-items: center; }} .bars .name {{ min-width: 4.5em; }}
.bars li {{ display: contents; font-size: .9rem; }}
.bars .name, .bars .share {{ color: {QUIET}; overflow-wrap: anywhere; }} .bars .share {{ text-align: right; font-variant-numeric: tabular-nums; }}
.bars .said .name, .bars .said .share {{ color: {INK}; font-weight: 650; }}
.track {{ background: #e9edec; border-radius: 3px; height: 12px; overflow: hidden; }}
.track span {{ display: block; height: 100%; background: #b3bfc4; border-radius: 3px; }}
.base .said .track span {{ background: #66767e; }} .tuned .said .track span {{ background: {TEAL}; }}
.alone {{ margin: 14px 0 0; line-height: 1.5; }}
.in-words {{ font-size: 1.05rem; line-height: 1.55; margin: 0 0 12px; }} .sure {{ margin: 10px 0 0 !important; font-size: .9rem; line-height: 1.5; }}
.believed {{ background: {CARD}; border: 1px solid {LINE}; border-radius: 8px; padding: 14px 16px; }} .believed h3 {{ margin-bottom: 8px; }} .believed summary {{ cursor: pointer; font-weight: 600; width: fit-content; }}
.gradio-container .believed .contributions {{ padding-left: 1.2em; margin: 8px 0 12px; line-height: 1.55; }} .believed .said .track span {{ background: {TEAL}; }} .believed .hint {{ line-height: 1.5; margin-top: 10px; }}
.believed figure {{ margin: 14px 0 0; }} .believed figure img {{ display: block; max-width: 100%; max-height: 420px; width: auto; height: auto; margin: 0 auto 6px; border-radius: 4px; }} .believed figcaption {{ font-size: .9rem; line-height: 1.5; }}
.believed blockquote {{ margin: 0 0 6px; padding: 8px 12px; border-left: 3px solid #8b9aa1; background: {PAPER}; white-space: pre-wrap; }} .believed mark {{ background: #fdf3d8; color: {INK}; font-weight: 650; text-decoration: underline; text-decoration-thickness: 2px; padding: 0 1px; }}
.foot {{ color: {QUIET}; font-size: .85rem; margin: 10px 0 0; line-height: 1.5; }} .foot :is(#model-name, #record) {{ margin-left: .6em; }}

/* one mode is seen: the tour until the page says otherwise, and the others are behind their button */
.gradio-container .mode {{ display: none; }}
html:not([data-mode]) #mode-show, html[data-mode="show"] #mode-show, html[data-mode="try"] #mode-try, html[data-mode="work"] #mode-work, html[data-mode="decide"] #mode-decide, html[data-mode="watch"] #mode-watch {{ display: flex; }}
html:not(.modes-open) #mode {{ display: none !important; }}
html:not([data-mode]) :is(#recorded-banner, #loading-banner), html[data-mode="show"] :is(#recorded-banner, #loading-banner) {{ display: none; }}
#bar {{ justify-content: space-between; align-items: center; flex-wrap: nowrap; }} #language {{ flex: none; }} #language .wrap {{ flex-wrap: nowrap; }} #language label {{ flex: none; white-space: nowrap; }} #modes {{ flex: none; width: auto; }}
#mode {{ border: 0; background: transparent; padding: 0; }}

.tour-line {{ display: flex; gap: 6px; }} .tour-line span {{ flex: 1; height: 6px; border-radius: 3px; background: {LINE}; }} .tour-line .done {{ background: {TEAL}; }}
.gradio-container #tour-title {{ font-size: clamp(1.25rem, 3vw, 1.6rem); margin-top: 4px; }}
#tour-evidence .photo {{ width: 100%; max-height: 460px; }}
.ask-you {{ font-size: 1.15rem; font-weight: 600; line-height: 1.5; margin: 0 0 8px; }}
#tour-body p {{ line-height: 1.6; }} #tour-body article + p {{ margin-top: 12px; }} #tour-body ul:not(.bars) {{ padding-left: 1.2em; line-height: 1.6; }}
#guesses button {{ font-size: 1.15rem; min-height: 58px; }} #tour-buttons button {{ font-size: 1.05rem; min-height: 52px; }}
.pair.three {{ margin-bottom: 12px; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }} .pair.three .said b {{ font-size: 1.25rem; }} .pair.three .said {{ margin-bottom: 4px; }}
.pair.four {{ grid-template-columns: 1fr 1fr; }}
.worth {{ background: {CARD}; border: 1px solid {LINE}; border-left: 6px solid #77868e; border-radius: 8px; padding: 16px 20px; }}
.worth.go {{ border-left-color: #1a7446; }} .worth.stop {{ border-left-color: #a4161a; }} .worth.grey {{ border-left-color: #a66a00; }}
.worth .worth-word {{ font-size: 1.7rem; font-weight: 700; margin: 0 0 6px; }} .worth .worth-money {{ font-size: clamp(1.2rem, 3.4vw, 1.6rem); font-weight: 650; margin: 10px 0 2px; }}
.say {{ margin: 6px 0; padding: 8px 14px; border-left: 3px solid {TEAL}; background: {PAPER}; line-height: 1.6; }}
.verdict ul {{ margin: 0 0 6px; padding-left: 1.1em; line-height: 1.55; }} .verdict .pays {{ font-size: 1.25rem; }}
.curve {{ display: grid; grid-template-columns: max-content 1fr; gap: 4px 8px; margin: 14px 0 8px; }} .curve .axis {{ display: flex; flex-direction: column; justify-content: space-between; text-align: right; color: {QUIET}; font-size: .8rem; }}
.curve .box {{ position: relative; height: 240px; background: {CARD}; border-left: 1px solid #8b9aa1; border-bottom: 1px solid #8b9aa1; }} .curve svg {{ display: block; width: 100%; height: 100%; }}
.curve .band {{ fill: {TEAL_SOFT}; }} .curve .line {{ fill: none; stroke: {TEAL}; stroke-width: 2; vector-effect: non-scaling-stroke; }} .curve .at {{ stroke: {INK}; stroke-width: 1.5; stroke-dasharray: 5 4; vector-effect: non-scaling-stroke; }}
.curve .dot {{ position: absolute; width: 12px; height: 12px; margin: -6px; border-radius: 50%; background: {TEAL_DARK}; border: 2px solid #fff; }}
.curve .across {{ grid-column: 2; display: flex; justify-content: space-between; color: {QUIET}; font-size: .8rem; }} .curve figcaption {{ grid-column: 1 / -1; }}

html:not(.no-camera) #no-camera {{ display: none; }}
[id^="yen-"] input[type=range]::-webkit-slider-thumb {{ background-color: {TEAL_DARK} !important; }} [id^="yen-"] input[type=range]::-moz-range-thumb {{ background-color: {TEAL_DARK} !important; }}

.about {{ color: {QUIET}; font-size: .9rem; }} .about summary {{ cursor: pointer; width: fit-content; }}
.about dl {{ display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; margin: 10px 0 0; }} .about dd {{ margin: 0; color: {INK}; overflow-wrap: anywhere; }}
:is(button, summary, input, select, textarea, [tabindex]):focus-visible, :is(audio, video):focus-within {{ outline: 3px solid {TEAL} !important; outline-offset: 2px; }}

@media (max-width: 640px) {{
  #samples .caption-label {{ max-width: 100%; padding: 1px 5px; }}
  .verdict {{ flex-direction: column; gap: 8px; padding: 14px 16px; }}
  .about dl {{ grid-template-columns: 1fr; gap: 0; }} .about dd {{ margin-bottom: 8px; }}
}}
@media (prefers-reduced-motion: reduce) {{ * {{ transition: none !important; animation: none !important; }} }}
@media (min-width: 900px) {{ #yen-side {{ position: sticky; top: 12px; align-self: flex-start; }} }}
@media print {{
  button, .tabs, #language, #mode, #modes, #tour-step, #tour-buttons, input[type=range], .min_value, .max_value, .toast-wrap {{ display: none !important; }}
  #mode-decide .row {{ display: block !important; }} #yen-side {{ position: static; margin-top: 18px; }}
  .verdict {{ display: block; }} .verdict .badge {{ display: block; margin-bottom: 8px; }}
  .verdict, .worth, .curve, .card, .say, #mode-decide .block {{ break-inside: avoid; }} h1, h2, h3 {{ break-after: avoid; }}
  .chip, .curve, .tour-line span, .track span, .verdict, .worth {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
}}
"""
# in the page itself, where Gradio puts no prefix: paper has margins of its own, and what is there in both languages is shown in the page's
PAGE = """<style>@media print { .gradio-container, .gradio-container .fillable { max-width: none !important; padding: 0 !important; } }
html[lang="ja"] .said-en, html:not([lang="ja"]) .said-ja { display: none; }</style>"""
