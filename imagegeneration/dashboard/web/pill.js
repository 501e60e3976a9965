// A status as a word with a colored dot.

function pill(data) {
  const word = el("span.word");
  const node = el("span.pill", {}, el("span.dot"), word);
  const paint = ({ status, tone }) => {
    node.className = `pill ${tone}`;
    setText(word, status);
  };
  paint(data);
  return { node, paint };
}
