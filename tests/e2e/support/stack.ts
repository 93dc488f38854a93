/**
 * The running stack, as `cargo xtask stack` describes it in one line of JSON.
 *
 * Owns the shape of that line and how tests get at it. Starting and stopping is in `global-setup.ts`.
 */

export interface Account {
  readonly name: string;
  readonly display: string;
  readonly password: string;
}

export interface Server {
  readonly id: string;
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly backend: string;
}

export interface Stack {
  readonly web_url: string;
  readonly shop_url: string;
  readonly servers: readonly Server[];
  readonly accounts: readonly Account[];
  readonly groups: readonly string[];
  readonly spki_hash: string;
  readonly public_ca: string;
  readonly folder: string;
}

/** Name of the environment variable that carries the line from the set-up to the workers. */
export const STACK_VARIABLE = "COBROWSE_STACK";

/** The stack of this run. */
export function stack(): Stack {
  const line = process.env[STACK_VARIABLE];
  if (!line) throw new Error("no stack: the global set-up has not run");
  return JSON.parse(line) as Stack;
}

/** One of its accounts. */
export function account(name: string): Account {
  const found = stack().accounts.find((one) => one.name === name);
  if (!found) throw new Error(`no account ${name} in the stack`);
  return found;
}
