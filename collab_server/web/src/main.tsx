/** Entry of every page: the path says which one, and only that page's code is loaded. */
import { render } from "preact";

render(<main>Tandem</main>, document.getElementById("app")!);
