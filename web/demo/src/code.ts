/** What a shop of one's own needs: the command that sends, and the element that shows. Each can be copied. */

import { button, element } from "./elements.ts";

const embed = (url: string): string =>
  `<bellhop-inbox url="${url}"></bellhop-inbox>
<script type="module">
  import "@bellhop/client/inbox";
  // Your own backend signs the token of who is logged in.
  document.querySelector("bellhop-inbox").getToken = () =>
    fetch("/notify-token").then((answer) => answer.text());
</script>`;

export function snippet(name: string, text: string): HTMLElement {
  const code = element("pre", "code", text);
  code.tabIndex = 0;
  code.setAttribute("aria-label", name);
  const copy = button("Copy", "button quiet small-button", async () => {
    try {
      await navigator.clipboard.writeText(text);
      copy.textContent = "Copied";
    } catch {
      // Without https there is no clipboard: it is selected, for the keyboard's own way.
      getSelection()?.selectAllChildren(code);
      copy.textContent = "Selected";
    }
  });
  copy.setAttribute("aria-label", `Copy: ${name}`);
  return element("section", "snippet", element("div", "heading", element("h3", "", name), copy), code);
}

/** A button, and the dialog that it opens. */
export function code(name: string, curl: string | null): HTMLElement[] {
  const dialog = element("dialog", "settings codes");
  dialog.setAttribute("aria-label", "In your own shop");
  if (curl) dialog.append(snippet(`Send ${name} something`, curl));
  const close = button("Done", "button quiet", () => dialog.close());
  dialog.append(
    snippet("Put the bell into your page", embed(location.origin)),
    element("div", "settings-foot", close),
  );
  const opens = button("</>", "button quiet code-button", () => dialog.showModal());
  opens.setAttribute("aria-label", "The code of this");
  opens.title = "The code of this";
  dialog.addEventListener("close", () => opens.focus());
  return [opens, dialog];
}
