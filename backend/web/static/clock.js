/** Whole seconds as a clock shows them. */
export function clockText(seconds) {
  const part = (number) => String(number).padStart(2, "0");
  return `${seconds >= 3600 ? `${Math.floor(seconds / 3600)}:` : ""}${part(Math.floor(seconds / 60) % 60)}:${part(seconds % 60)}`;
}
