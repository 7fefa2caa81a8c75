// Files that are dropped on the language model: as if they had been chosen in its dialogs. A folder stands for its files.
addEventListener("dragover", (event) => isOnModel(event) && event.preventDefault());
addEventListener("drop", (event) => isOnModel(event) && take(event));

const isOnModel = ({ target }) => target instanceof Element && target.closest(".language") !== null;
const isOfModel = ({ name }) => name.endsWith(".safetensors") || ["config.json", "tokenizer.json", "vocab.json", "merges.txt"].includes(name);

async function take(event) {
  event.preventDefault();
  const { items, files } = event.dataTransfer;
  // What was dropped is known during the event alone.
  const dropped = [...files];
  const folder = [...items].map((item) => item.webkitGetAsEntry?.()).find((entry) => entry?.isDirectory);
  if (folder) {
    const inside = await filesOf(folder).catch(() => []);
    // Of an empty folder, or one that cannot be read, the reader is told what is missing, too.
    return choose("lm-model", inside.length > 0 ? inside : [new File([], folder.name)]);
  }
  const model = dropped.filter(isOfModel);
  const others = dropped.filter((file) => !isOfModel(file));
  // Several files that are no model's are told what they lack as one.
  if (model.length > 0 || others.length > 1) choose("lm-model", model.length > 0 ? model : others);
  if (others.length === 1) choose("lm-pairs", others);
}

function choose(id, files) {
  const input = document.getElementById(id);
  if (!input) return;
  const chosen = new DataTransfer();
  for (const file of files) chosen.items.add(file);
  input.files = chosen.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

async function filesOf(folder) {
  const reader = folder.createReader();
  const files = [];
  // A reader gives some entries at a time, and none at its end.
  for (;;) {
    const entries = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (entries.length === 0) return files;
    for (const entry of entries.filter((e) => e.isFile)) files.push(await new Promise((done, fail) => entry.file(done, fail)));
  }
}
