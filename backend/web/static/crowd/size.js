// In a page that came with a HIT: tells the page around how high it is, so that it needs no scroll bar of its own.
if (window.parent !== window) {
  const tell = () => window.parent.postMessage({ protocol: "piecework-page/1", height: document.documentElement.getBoundingClientRect().height }, "*");
  new ResizeObserver(tell).observe(document.documentElement);
}
