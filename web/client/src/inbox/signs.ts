/** How a page tells those who do not look at it: by its title, by its icon, and by a sound. */

import { short } from "./strings.ts";

const SIZE = 64;
/** Longer than the sound is. */
const RUNG_MS = 1_000;

/** Says in front of the page's own title how many are unread. */
export function title(unread: number): void {
  const bare = document.title.replace(/^\(\d+\+?\) /, "");
  document.title = unread ? `(${short(unread)}) ${bare}` : bare;
}

/** Answers what draws upon the page's icon, where it has one, how many are unread. */
export function icon(): (unread: number) => void {
  const link = document.querySelector<HTMLLinkElement>('link[rel~="icon"]');
  const plain = link?.href;
  return (unread) => {
    if (!link || !plain) return;
    if (!unread) {
      link.href = plain;
      return;
    }
    const picture = new Image();
    picture.onload = () => {
      const canvas = Object.assign(document.createElement("canvas"), { width: SIZE, height: SIZE });
      const pen = canvas.getContext("2d") as CanvasRenderingContext2D;
      pen.drawImage(picture, 0, 0, SIZE, SIZE);
      pen.fillStyle = "#d4313a";
      pen.beginPath();
      pen.arc(SIZE * 0.66, SIZE * 0.34, SIZE * 0.34, 0, 7);
      pen.fill();
      pen.fillStyle = "#fff";
      pen.font = `bold ${SIZE * 0.44}px sans-serif`;
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.fillText(unread > 9 ? "9+" : String(unread), SIZE * 0.66, SIZE * 0.37);
      try {
        link.href = canvas.toDataURL();
      } catch {
        // An icon of another site may not be drawn upon.
      }
    };
    picture.src = plain;
  };
}

/** Two tones, the second above the first. */
export function ring(): void {
  const audio = new AudioContext();
  const tone = audio.createOscillator();
  const volume = audio.createGain();
  const { currentTime: now } = audio;
  tone.frequency.setValueAtTime(880, now);
  tone.frequency.setValueAtTime(1175, now + 0.09);
  volume.gain.setValueAtTime(0.06, now);
  volume.gain.exponentialRampToValueAtTime(0.001, now + 0.4);
  tone.connect(volume).connect(audio.destination);
  // Also where nothing is heard: a browser holds the sound of a page in which nobody has pressed anything yet.
  setTimeout(() => audio.close(), RUNG_MS);
  tone.start();
  tone.stop(now + 0.4);
}
