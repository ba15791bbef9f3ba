// The style of what is drawn comes with whatever draws, before that does.
const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("./stage.css", import.meta.url).href });
document.head.append(style);
await new Promise((shown) => { style.onload = style.onerror = shown; });
