// A folder that is dropped on the language model: its files, as if they had been chosen in the dialog together.
addEventListener("drop", take, { capture: true });

async function take(event) {
  const input = document.getElementById("lm-model");
  const dropped = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry?.());
  const folder = dropped.find((entry) => entry?.isDirectory);
  if (!input || !folder) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const chosen = new DataTransfer();
  for (const file of await filesOf(folder)) chosen.items.add(file);
  // Of an empty folder the reader is told what is missing, too.
  if (chosen.files.length === 0) chosen.items.add(new File([], folder.name));
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
