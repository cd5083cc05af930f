import type { ReactNode } from "react";

const PATHS = {
  overview: "M3 13h4l3-8 4 14 3-6h4",
  online:
    "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Zm-6 9v-1a6 6 0 0 1 12 0v1M16 4.3a3.5 3.5 0 0 1 0 6.4M18 14.2a6 6 0 0 1 3 5V20",
  feed: "M4 6h16M4 12h16M4 18h10",
  users: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-7 8a7 7 0 0 1 14 0",
  mail: "M3 7.5A2.5 2.5 0 0 1 5.5 5h13A2.5 2.5 0 0 1 21 7.5v9a2.5 2.5 0 0 1-2.5 2.5h-13A2.5 2.5 0 0 1 3 16.5v-9Zm.6-.5L12 13l8.4-6",
  chart: "M5 20v-8M12 20V5M19 20v-11M3 20h18",
  banned: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM6 6l12 12",
  campaign: "M4 10v4l11 4V6L4 10Zm11-2.500 4-1.500v12l-4-1.500M7 15.500V19h3v-2.500",
  compose: "M4 20h4L19 9a2.8 2.8 0 0 0-4-4L4 16v4Zm9.5-13.5 4 4",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Zm5-1.5L20 20",
  close: "M6 6l12 12M18 6 6 18",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm0-13v2m0 14v2M3 12h2m14 0h2M5.6 5.6 7 7m10 10 1.4 1.4M5.6 18.4 7 17M17 7l1.4-1.4",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5Z",
  exit: "M14 4h4a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2h-4M10 8l-4 4 4 4m-4-4h10",
  pause: "M8 5v14M16 5v14",
  play: "M7 4.5v15l12-7.5-12-7.5Z",
  alert:
    "M12 9v4.5m0 3v.01M10.3 4.3 2.7 17.5A2 2 0 0 0 4.4 20.5h15.2a2 2 0 0 0 1.7-3L13.7 4.3a2 2 0 0 0-3.4 0Z",
  check: "M5 12.5l4.5 4.5L19 7.5",
  retry: "M4 12a8 8 0 0 1 13.7-5.6L20 8.5M20 4v4.5h-4.5M20 12a8 8 0 0 1-13.7 5.6L4 15.5M4 20v-4.5h4.5",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Zm9.5 3a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z",
  plug: "M9 3v5m6-5v5M6 8h12v3a6 6 0 0 1-12 0V8Zm6 9v4",
  trash:
    "M4 7h16M9 7V4.5h6V7m-8.5 0 .8 12a1.5 1.5 0 0 0 1.5 1.5h6.4a1.5 1.5 0 0 0 1.5-1.5l.8-12M10 11v5.5m4-5.5v5.5",
  back: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  types:
    "M4 5.5A1.5 1.5 0 0 1 5.5 4h5.3a2 2 0 0 1 1.4.6l7.2 7.2a2 2 0 0 1 0 2.8l-5 5a2 2 0 0 1-2.8 0l-7-7.2a2 2 0 0 1-.6-1.4V5.5Zm4.5 3h.01",
  plus: "M12 5.5v13M5.5 12h13",
  power: "M12 3.5v8M7 6.2a8 8 0 1 0 10 0",
  topics: "M9 4 7 20M17 4l-2 16M4.5 9h16M3.5 15h16",
  clock: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17Zm0-13.500v5l3.500 2",
  phone:
    "M8 3h8a1.5 1.5 0 0 1 1.5 1.5v15A1.5 1.5 0 0 1 16 21H8a1.5 1.5 0 0 1-1.5-1.5v-15A1.5 1.5 0 0 1 8 3Zm3 15h2",
  bell: "M6 16v-5a6 6 0 0 1 12 0v5l1.5 2h-15L6 16Zm4 4.5a2.2 2.2 0 0 0 4 0",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): ReactNode {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Mark(): ReactNode {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" className="mark-ground" />
      <path
        className="mark-bell"
        d="M16 7.5a1.5 1.5 0 0 1 1.5 1.5v1.1c3.7.700 6.5 3.9 6.5 7.9H8c0-4 2.8-7.2 6.5-7.9V9A1.5 1.5 0 0 1 16 7.5ZM7 20.5h18a1.25 1.25 0 0 1 1.25 1.25v1A1.25 1.25 0 0 1 25 24H7a1.25 1.25 0 0 1-1.25-1.25v-1A1.25 1.25 0 0 1 7 20.5Z"
      />
    </svg>
  );
}
