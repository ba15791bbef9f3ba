// Ten colours that are told apart on pictures and by most who see colours differently.
export const COLOURS = ["#1f77b4", "#e8760c", "#2ca02c", "#d62728", "#8e5bd0", "#7d5a50", "#e05fb3", "#6b6b6b", "#a3a31a", "#14a0b5", "#0b3d91", "#f2c14e"];
export const colour = (index) => COLOURS[((index % COLOURS.length) + COLOURS.length) % COLOURS.length];
