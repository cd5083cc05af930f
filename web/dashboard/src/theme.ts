/** Light or dark: the system's choice until one is made here. */

export type Theme = "light" | "dark";
const KEY = "bellhop.theme";

export function currentTheme(): Theme {
  const chosen = localStorage.getItem(KEY);
  const theme =
    chosen === "light" || chosen === "dark"
      ? chosen
      : matchMedia("(prefers-color-scheme: dark)").matches
        ? "dark"
        : "light";
  if (chosen) document.documentElement.dataset.theme = theme;
  return theme;
}

export function wear(theme: Theme): void {
  localStorage.setItem(KEY, theme);
  document.documentElement.dataset.theme = theme;
}
