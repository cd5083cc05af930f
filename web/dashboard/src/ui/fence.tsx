import { Component, type ReactNode } from "react";
import { Empty } from "./bits.tsx";

/** Keeps a page that fails from taking the others with it. */
export class Fence extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }

  override render(): ReactNode {
    if (!this.state.broken) return this.props.children;
    return (
      <div className="card" role="alert">
        <Empty icon="alert" title="This page has failed">
          <p>The gateway goes on as before; the browser’s console tells more.</p>
          <button type="button" className="button" onClick={() => this.setState({ broken: false })}>
            Try again
          </button>
        </Empty>
      </div>
    );
  }
}
