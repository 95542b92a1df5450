import type { Argument } from '@gantry/dockerfile';
import type { Dispatch } from '../convert/dispatch';
import { commit, splitEnv } from '../convert/image';
import { checkSecretName } from '../lint/secret-checks';
import { SCAN_ARGS } from '../lint/variable-checks';

export function dispatchArg(at: Dispatch, args: readonly Argument[]): void {
  const said = args.map((argument) => declare(at, argument));
  commit(at.state, `ARG ${said.join(' ')}`, false, at.conversion.options.epoch);
}

/** The client's value, the argument's default, or that of the global argument of this name. */
function declare(at: Dispatch, argument: Argument): string {
  const { state, conversion, command } = at;
  const { lines } = command.step;
  const { key } = argument;
  checkSecretName(conversion.linter, { instruction: 'ARG', key, lines });
  const given = conversion.options.buildArgs.get(key);
  const inherited = given === undefined && argument.value === undefined ? conversion.globals.get(key) : undefined;
  const value = given ?? (argument.value === undefined ? inherited : at.word(argument.value));
  // In the classic builder what ENV said stays.
  const classic = conversion.input.classic !== undefined;
  const kept = classic && (state.config.Env ?? []).some((entry) => splitEnv(entry)[0] === key);
  if (value !== undefined && !kept && !SCAN_ARGS.includes(key)) state.setEnv(key, value);
  if (inherited === undefined) state.outline.args.set(key, { argument, value: value ?? '', needs: new Set(), lines });
  state.outline.used.add(key);
  state.buildArgs.push({ ...argument, value });
  // The classic builder writes down what the file says, not what the client gave.
  const said = !classic ? value : argument.value === undefined ? undefined : at.word(argument.value);
  return said === undefined ? key : `${key}=${said}`;
}
