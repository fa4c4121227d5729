/** The head of a table that is sorted by a click on a column's name; the last column has actions. */
import { useState } from "preact/hooks";
import { type Key, t } from "../lib/words";

export interface Sorting<Column> {
  order: Column;
  descending: boolean;
  choose: (column: Column) => void;
}

/** A column that is chosen again turns the order round. */
export function useSorting<Column>(first: Column): Sorting<Column> {
  const [order, setOrder] = useState(first);
  const [descending, setDescending] = useState(false);
  const choose = (column: Column) => {
    setDescending(column === order && !descending);
    setOrder(() => column);
  };
  return { order, descending, choose };
}

interface Props<Column> {
  columns: readonly (readonly [Column, Key])[];
  sorting: Sorting<Column>;
  actions: Key;
}

export function SortHead<Column extends string>({ columns, sorting, actions }: Props<Column>) {
  const { order, descending, choose } = sorting;
  return (
    <thead>
      <tr>
        {columns.map(([column, name]) => (
          <th
            key={column}
            scope="col"
            aria-sort={order !== column ? "none" : descending ? "descending" : "ascending"}
          >
            <button class="quiet" type="button" onClick={() => choose(column)}>
              {t(name)}
              <span aria-hidden="true" class="sort">
                {order !== column ? "" : descending ? "↓" : "↑"}
              </span>
            </button>
          </th>
        ))}
        <th scope="col">
          <span class="hidden">{t(actions)}</span>
        </th>
      </tr>
    </thead>
  );
}
