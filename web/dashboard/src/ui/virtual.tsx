import { type ReactNode, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

const BEYOND = 8;

/** Rows of one height, of which only those in sight exist: thousands cost what a screenful costs. */
export function VirtualRows<T>(props: {
  label: string;
  columns: readonly string[];
  className: string;
  items: readonly T[];
  rowPx: number;
  keyOf: (item: T) => string;
  rowClass?: (item: T) => string;
  /** The cells of a row, as many as there are columns. */
  render: (item: T) => ReactNode;
  /** Called when the end comes into sight. */
  more?: (() => void) | undefined;
}): ReactNode {
  const { items, rowPx, more } = props;
  const view = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState({ first: 0, last: 30 });

  const look = useCallback(() => {
    const node = view.current;
    if (node === null) return;
    const first = Math.max(0, Math.floor(node.scrollTop / rowPx) - BEYOND);
    const last = Math.ceil((node.scrollTop + node.clientHeight) / rowPx) + BEYOND;
    setRange((held) => (held.first === first && held.last === last ? held : { first, last }));
  }, [rowPx]);

  useLayoutEffect(() => {
    const node = view.current;
    if (node === null) return;
    const observer = new ResizeObserver(look);
    observer.observe(node);
    return () => observer.disconnect();
  }, [look]);

  const atEnd = range.last >= items.length;
  const length = items.length;
  // A page may not fill the screen: the length has a say too.
  useEffect(() => {
    if (atEnd) more?.();
  }, [atEnd, more, length]);

  return (
    // biome-ignore lint/a11y/useSemanticElements: rows that are not there cannot be those of a <table>
    <div
      className={`rows ${props.className}`}
      role="table"
      aria-label={props.label}
      aria-rowcount={length + 1}
    >
      {/* biome-ignore lint/a11y/useSemanticElements: as above */}
      <div role="rowgroup" className="rows-head">
        {/* biome-ignore lint/a11y/useSemanticElements: as above */}
        <div className="row" role="row" aria-rowindex={1} tabIndex={-1}>
          {props.columns.map((column) => (
            // biome-ignore lint/a11y/useSemanticElements: as above
            <span key={column} role="columnheader" tabIndex={-1}>
              {column}
            </span>
          ))}
        </div>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      {/* biome-ignore lint/a11y/useSemanticElements: as above */}
      <div className="rows-view" role="rowgroup" ref={view} onScroll={look} tabIndex={0}>
        <div className="rows-sizer" role="presentation" style={{ height: length * rowPx }}>
          {items.slice(range.first, range.last).map((item, offset) => (
            // biome-ignore lint/a11y/useSemanticElements: as above
            <div
              key={props.keyOf(item)}
              className={`row ${props.rowClass?.(item) ?? ""}`}
              role="row"
              aria-rowindex={range.first + offset + 2}
              tabIndex={-1}
              style={{ transform: `translateY(${(range.first + offset) * rowPx}px)`, height: rowPx }}
            >
              {props.render(item)}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}

export function Cell({ className, children }: { className?: string; children?: ReactNode }): ReactNode {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a cell of the rows above
    <span role="cell" className={`cell ${className ?? ""}`}>
      {children}
    </span>
  );
}
