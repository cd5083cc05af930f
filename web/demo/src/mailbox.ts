/** A customer's mailbox: what the demo's spool holds for them, and each mail as its reader sees it. */

import { type Customer, type Mail, type MailHead, mail, mails } from "./config.ts";
import { button, clock, element } from "./elements.ts";

const EVERY_MS = 1_500;

export interface Mailbox {
  element: HTMLElement;
  /** How many there are that nobody has opened here. */
  unopened(): number;
}

/** `came` is told of each mail that comes while the page is open; `follow` of each link that is clicked in one. */
export function mailbox(
  customer: Customer,
  came: (head: MailHead) => void,
  follow: (href: string) => void,
): Mailbox {
  const list = element("ul", "mails");
  const none = element("p", "none", "Nothing yet. What is not read in the shop comes here.");
  const subject = element("h3", "mail-subject", "");
  const sender = element("p", "soft small", "");
  // A document of no origin, which runs nothing of the mail's; the dashboard has it too.
  const frame = element("iframe", "mail-frame");
  frame.title = "The mail";
  frame.setAttribute("sandbox", "allow-scripts");
  frame.src = "../dashboard/mail.html";
  subject.dir = "auto";
  const letter = element("article", "letter", element("header", "letter-head", subject, sender), frame);
  letter.hidden = true;
  const news = element("p", "unseen", "");
  news.setAttribute("role", "status");
  const address = element("span", "soft small", "");
  const head = element("header", "pane-head", element("h2", "", `${customer.name}’s mailbox`), address);
  const pane = element("section", "pane mailbox", head, news, none, list, letter);
  pane.setAttribute("aria-label", `${customer.name}’s mailbox`);

  let heads: MailHead[] = [];
  let known: Set<string> | undefined;
  const opened = new Set<string>();
  let shown: Mail | undefined;
  let loaded = false;

  const draw = (): void => {
    if (loaded && shown) frame.contentWindow?.postMessage({ html: shown.html, dark: false }, "*");
  };
  // What the frame is given once, it keeps: another mail needs a new document.
  frame.addEventListener("load", () => {
    loaded = true;
    draw();
  });

  const show = async (name: string): Promise<void> => {
    // The gateway is away for a moment, or the mail is gone.
    const found = await mail(customer, name).catch(() => undefined);
    if (!found) return;
    opened.add(name);
    const again = shown !== undefined;
    shown = found;
    subject.textContent = found.subject;
    sender.textContent = `${found.from} · ${clock(found.at)}`;
    letter.hidden = false;
    letter.dataset.mail = found.id;
    if (again) {
      loaded = false;
      frame.src = "../dashboard/mail.html";
    } else draw();
    list_();
  };

  const list_ = (): void => {
    none.hidden = heads.length > 0;
    list.replaceChildren(
      ...heads.map((each) => {
        const made = button("", opened.has(each.name) ? "mail-row" : "mail-row fresh", () => show(each.name));
        made.append(
          element("span", "mail-name", each.subject),
          element("time", "soft small", clock(each.at)),
        );
        if (shown?.name === each.name) made.setAttribute("aria-current", "true");
        return element("li", "", made);
      }),
    );
  };

  const look = async (): Promise<void> => {
    try {
      const found = await mails(customer);
      address.textContent = found.address;
      const fresh = found.mails.filter(({ name }) => !known?.has(name));
      if (fresh.length || !known) {
        const first = !known;
        known = new Set(found.mails.map(({ name }) => name));
        heads = found.mails;
        if (first) for (const { name } of heads.slice(1)) opened.add(name);
        list_();
        const [newest] = fresh;
        if (newest && !first) news.textContent = `New mail: ${newest.subject}`;
        if (newest) await show(newest.name);
        for (const each of fresh) came(each);
      }
    } catch {
      // The gateway is away for a moment: it is asked again.
    }
    setTimeout(look, EVERY_MS);
  };
  void look();

  addEventListener("message", ({ source, data }) => {
    if (source === frame.contentWindow && typeof data?.href === "string") follow(data.href);
  });
  return { element: pane, unopened: () => heads.filter(({ name }) => !opened.has(name)).length };
}
