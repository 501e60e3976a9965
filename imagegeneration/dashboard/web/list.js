// A list of items by key. Each is made once, then patched and moved, so that its focus, its images and its text stay.

/**
 * @template Facts
 * @template {{ node: Element, paint?: (facts: Facts) => unknown }} Item
 * @param {Element} parent
 * @param {(facts: Facts) => Item} make
 * @param {(facts: Facts) => string} keyOf
 */
export function makeList(parent, make, keyOf) {
  /** @type {Map<string, Item>} */
  const items = new Map();
  return {
    items,
    /**
     * Show these items, in their order. `leaving` is called for each that is removed.
     *
     * @param {Facts[]} wanted
     * @param {(item: Item) => void} [leaving]
     */
    paint(wanted, leaving) {
      const keys = new Set(wanted.map(keyOf));
      for (const [key, item] of items) {
        if (keys.has(key)) continue;
        leaving?.(item);
        item.node.remove();
        items.delete(key);
      }
      wanted.forEach((facts, position) => {
        const key = keyOf(facts);
        const item = items.get(key) ?? make(facts);
        items.set(key, item);
        item.paint?.(facts);
        if (parent.children[position] !== item.node) parent.insertBefore(item.node, parent.children[position] ?? null);
      });
    },
  };
}
