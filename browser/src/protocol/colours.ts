/**
 * The colour that an agent has for everybody: on the visitor's page and in every viewer.
 */

/** An agent's colour: the same for all that it shows. */
export function colourOf(agent: number): string {
  return COLOURS[agent % COLOURS.length] ?? "#c2410c";
}

/** Told apart by people who see colours differently, and dark enough on white. */
const COLOURS = ["#c2410c", "#1d4ed8", "#15803d", "#a21caf", "#0e7490", "#92400e"];
