/** Shows something else where a page fails, instead of an empty window. */
import { Component, type ComponentChildren } from "preact";

interface Props {
  otherwise: ComponentChildren;
  children: ComponentChildren;
}

export class Guard extends Component<Props, { failed: boolean }> {
  override state = { failed: false };

  static override getDerivedStateFromError() {
    return { failed: true };
  }

  override componentDidCatch(error: unknown): void {
    console.error(error);
  }

  override render({ children, otherwise }: Props) {
    return this.state.failed ? otherwise : children;
  }
}
