// The address says what the stage shows: #/ID is a transfer, anything else is the draft.

/** The id of the transfer in the address; undefined where the address is the draft's. */
export function jobInAddress() {
  return location.hash.match(/^#\/([\w-]+)$/)?.[1];
}

export function goToJob(id) {
  location.assign(`#/${id}`);
}

/** Has the stage show the draft; resolves when it does. */
export async function goToDraft() {
  if (!jobInAddress()) return;
  const shown = new Promise((resolve) => addEventListener("hashchange", resolve, { once: true }));
  location.assign("#new");
  await shown;
}
