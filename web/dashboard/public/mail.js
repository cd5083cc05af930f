// Shows the mail that the dashboard hands over. This document belongs to no origin and may run no other script.
addEventListener("message", ({ source, data }) => {
  if (source !== parent || typeof data?.html !== "string") return;
  // A parsed document runs nothing; what could lead elsewhere is taken out all the same.
  const mail = new DOMParser().parseFromString(data.html, "text/html");
  for (const node of mail.querySelectorAll(
    "script, base, meta[http-equiv], link, iframe, object, embed, form",
  )) {
    node.remove();
  }
  // Fonts and sheets from elsewhere are not fetched here: they would tell that somebody looks.
  for (const style of mail.querySelectorAll("style")) {
    style.textContent = style.textContent.replace(/@import[^;]*;/gi, "");
  }
  if (!mail.title) mail.title = "Mail";
  if (!mail.documentElement.lang) mail.documentElement.lang = "en";
  document.replaceChild(document.adoptNode(mail.documentElement), document.documentElement);
  for (const sheet of document.styleSheets) wear(sheet.cssRules, data.dark ? "dark" : "light");
});
// A preview's links lead nowhere: whoever shows it is told of the click, and may follow it.
addEventListener(
  "click",
  (event) => {
    event.preventDefault();
    const href = event.target.closest?.("a[href]")?.href;
    if (href) parent.postMessage({ href }, "*");
  },
  true,
);

// The colours are those of the reader who is imagined, and not of the one who looks.
function wear(rules, scheme) {
  for (const rule of rules) {
    if (rule.media) {
      rule.media.mediaText = rule.media.mediaText.replace(
        /\(prefers-color-scheme:\s*(\w+)\)/g,
        (_, wanted) => (wanted === scheme ? "(min-width: 0px)" : "(max-width: 0px)"),
      );
    }
    if (rule.cssRules) wear(rule.cssRules, scheme);
  }
}
