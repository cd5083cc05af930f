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
  if (!mail.title) mail.title = "Mail";
  if (!mail.documentElement.lang) mail.documentElement.lang = "en";
  document.replaceChild(document.adoptNode(mail.documentElement), document.documentElement);
});
// A preview's links lead nowhere.
addEventListener("click", (event) => event.preventDefault(), true);
