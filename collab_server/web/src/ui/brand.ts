/** The business's name, for pages that have no session to take it from. */
import { useEffect, useState } from "preact/hooks";
import { loadMe } from "../lib/me";

export function useBrand(): string | undefined {
  const [name, setName] = useState<string | undefined>(undefined);
  useEffect(() => {
    let current = true;
    loadMe().then(
      (me) => current && setName(me.brand?.name),
      () => undefined, // the page works under the product's name
    );
    return () => {
      current = false;
    };
  }, []);
  return name;
}
