import type { Instruction } from '@gantry/dockerfile';
import type { Dispatch } from '../convert/dispatch';
import { commit, setImageEnv } from '../convert/image';
import { checkSecretName } from '../lint/secret-checks';

type Pairs = Extract<Instruction, { readonly name: 'env' | 'label' }>;

export function dispatchEnv(at: Dispatch, instruction: Pairs): void {
  const { state, conversion } = at;
  checkLegacy(at, instruction);
  // All values see the environment as it was before.
  const pairs = instruction.pairs.map(([key, value]) => [at.word(key), at.word(value)] as const);
  for (const [key, value] of pairs) {
    checkSecretName(conversion.linter, { instruction: 'ENV', key, lines: at.command.step.lines });
    state.setEnv(key, value);
    setImageEnv(state, key, value);
  }
  commit(state, ['ENV', ...pairs.map((pair) => pair.join('='))].join(' '), false, conversion.options.epoch);
}

export function dispatchLabel(at: Dispatch, instruction: Pairs): void {
  const { state, conversion } = at;
  checkLegacy(at, instruction);
  const pairs = instruction.pairs.map(([key, value]) => [at.word(key), at.word(value)] as const);
  state.config.Labels = { ...state.config.Labels, ...Object.fromEntries(pairs) };
  commit(state, ['LABEL', ...pairs.map((pair) => pair.join('='))].join(' '), false, conversion.options.epoch);
}

function checkLegacy({ conversion, command: { step } }: Dispatch, { legacy }: Pairs): void {
  const { word, lines } = step;
  const message = `"${word} key=value" should be used instead of legacy "${word} key value" format`;
  if (legacy === true) conversion.linter.report('LegacyKeyValueFormat', lines, message);
}
