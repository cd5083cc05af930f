import { type ReactNode, useLayoutEffect, useRef, useState } from "react";
import { scale, stretches, sum, type Window } from "../series.ts";
import { clock } from "../words.ts";

export interface Curve {
  readonly name: string;
  readonly tone: string;
  /** One value per bucket; null where nothing was measured. */
  readonly values: readonly (number | null)[];
}

const HEIGHT = 168;
const LEFT = 52;
const RIGHT = 8;
const TOP = 10;
const BOTTOM = 24;

/** A chart of some time, an hour unless it says how its buckets are named: stacked bars for what is counted, lines for what is measured. */
export function Chart(props: {
  title: string;
  figure: string;
  /** What the figure is of. */
  of: string;
  kind: "bars" | "lines";
  window: Window;
  curves: readonly Curve[];
  say: (value: number) => string;
  note?: string;
  /** What a bucket is called that begins then. */
  named?: (at: number) => string;
  /** The buckets that are named below. */
  ticks?: readonly number[];
}): ReactNode {
  const { window, curves, kind, named = clock } = props;
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(480);
  const [pointed, setPointed] = useState<number | null>(null);
  useLayoutEffect(() => {
    const node = frame.current;
    if (node === null) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.round(entry.contentRect.width)));
    observer.observe(node);
    return () => observer.disconnect();
  }, []);

  const heights = Array.from({ length: window.count }, (_, index) => {
    const column = curves.map((curve) => curve.values[index] ?? 0);
    return kind === "bars" ? sum(column) : Math.max(0, ...column);
  });
  const { top, marks } = scale(Math.max(0, ...heights), heights.every(Number.isInteger));
  const inner = Math.max(10, width - LEFT - RIGHT);
  const step = inner / window.count;
  const x = (index: number) => LEFT + index * step;
  const y = (value: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const measured = curves.some((curve) => curve.values.some((value) => value !== null));
  const legend = curves.length > 1;

  return (
    <figure className="card chart">
      <figcaption>
        <span className="chart-title">{props.title}</span>
        <span className="chart-figure">
          {props.figure} <span className="chart-of">{props.of}</span>
        </span>
      </figcaption>
      <div className="chart-frame" ref={frame}>
        <svg
          width={width}
          height={HEIGHT}
          role="img"
          aria-label={`${props.title}, ${props.note ?? "per bucket"}: ${props.figure} ${props.of}; highest ${props.say(Math.max(0, ...heights))}`}
          onPointerMove={(event) => {
            const place = event.clientX - event.currentTarget.getBoundingClientRect().left - LEFT;
            const index = Math.floor(place / step);
            setPointed(index >= 0 && index < window.count ? index : null);
          }}
          onPointerLeave={() => setPointed(null)}
        >
          {marks.map((mark) => (
            <g key={mark}>
              <line
                className={mark === 0 ? "axis" : "grid"}
                x1={LEFT}
                x2={width - RIGHT}
                y1={y(mark)}
                y2={y(mark)}
              />
              <text className="tick" x={LEFT - 8} y={y(mark) + 4} textAnchor="end">
                {props.say(mark)}
              </text>
            </g>
          ))}
          {(props.ticks ?? ticks(window)).map((index) => (
            <text
              key={index}
              className="tick"
              x={x(index) + (props.ticks ? step / 2 : 0)}
              y={HEIGHT - 6}
              textAnchor="middle"
            >
              {named(window.start + index * window.bucketMs)}
            </text>
          ))}
          {pointed === null ? null : (
            <rect className="pointed" x={x(pointed)} y={TOP} width={step} height={HEIGHT - TOP - BOTTOM} />
          )}
          {kind === "bars"
            ? bars(curves, window.count, x, y, step)
            : curves.map((curve) => (
                <Line
                  key={curve.name}
                  curve={curve}
                  x={(index) => x(index) + step / 2}
                  y={y}
                  filled={!legend}
                />
              ))}
        </svg>
        {measured ? null : <p className="chart-empty">Nothing in this time</p>}
        {pointed === null || !measured ? null : (
          <div
            className="tip"
            style={{ left: Math.min(Math.max(x(pointed), 70), width - 90) }}
            role="presentation"
          >
            <b>{named(window.start + pointed * window.bucketMs)}</b>
            {curves.map((curve) => {
              const value = curve.values[pointed] ?? null;
              return (
                <span key={curve.name}>
                  <i className={`swatch ${curve.tone}`} /> {curve.name}
                  <b>{value === null ? "–" : props.say(value)}</b>
                </span>
              );
            })}
          </div>
        )}
      </div>
      <div className="legend">
        {legend
          ? curves.map((curve) => (
              <span key={curve.name}>
                <i className={`swatch ${curve.tone}`} />
                {curve.name}
              </span>
            ))
          : null}
        {props.note ? <span className="legend-note">{props.note}</span> : null}
      </div>
    </figure>
  );
}

function bars(
  curves: readonly Curve[],
  count: number,
  x: (index: number) => number,
  y: (value: number) => number,
  step: number,
): ReactNode {
  const gap = step > 5 ? 2 : 0.5;
  return Array.from({ length: count }, (_, index) => {
    let below = 0;
    return curves.map((curve) => {
      const value = curve.values[index] ?? 0;
      if (value <= 0) return null;
      const from = below;
      below += value;
      const height = Math.max(1.5, y(from) - y(below));
      return (
        <rect
          key={`${curve.name} ${index}`}
          className={`bar ${curve.tone}`}
          x={x(index) + gap / 2}
          y={y(from) - height}
          width={Math.max(1, step - gap)}
          height={height}
          rx={Math.min(1.5, step / 4)}
        />
      );
    });
  });
}

function Line(props: {
  curve: Curve;
  x: (index: number) => number;
  y: (value: number) => number;
  filled: boolean;
}): ReactNode {
  const { curve, x, y } = props;
  return stretches(curve.values).map((stretch) => {
    const points = stretch.map(([index, value]) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`);
    const [first, final] = [stretch[0], stretch.at(-1)];
    if (first === undefined || final === undefined) return null;
    const key = first[0];
    if (stretch.length === 1) {
      return <circle key={key} className={`point ${curve.tone}`} cx={x(first[0])} cy={y(first[1])} r={2.5} />;
    }
    return (
      <g key={key}>
        {props.filled ? (
          <path
            className={`area ${curve.tone}`}
            d={`M${x(first[0])},${y(0)} L${points.join(" L")} L${x(final[0])},${y(0)} Z`}
          />
        ) : null}
        <polyline className={`line ${curve.tone}`} points={points.join(" ")} />
      </g>
    );
  });
}

/** The buckets that are named below: about five, on whole times. */
function ticks(window: Window): number[] {
  const span = window.count * window.bucketMs;
  const every = span > 20 * 60_000 ? 10 * 60_000 : 3 * 60_000;
  const found: number[] = [];
  for (let index = 1; index < window.count; index += 1) {
    if ((window.start + index * window.bucketMs) % every === 0) found.push(index);
  }
  return found;
}
