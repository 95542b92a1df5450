import { type Instruction, type Line, quoted, type Stage, type Stages } from '@gantry/dockerfile';
import type { Linter } from './linter';

/** How a line is written, looked at before it is read. */
export function checkLine(linter: Linter, line: Line): void {
  switch (line.name.toLowerCase()) {
    case 'maintainer':
      linter.report('MaintainerDeprecated', line, 'Maintainer instruction is deprecated in favor of using label');
      return;
    case 'from': {
      const [, as = '', name] = line.rest.split(/[\t\v\f\r ]+/);
      if (name === undefined) return;
      if (line.rest.split(/[\t\v\f\r ]+/).length === 3 && name !== name.toLowerCase())
        linter.report('StageNameCasing', line, `Stage name '${name}' should be lowercase`);
      const wanted =
        line.name === line.name.toLowerCase() ? as.toLowerCase() : line.name === line.name.toUpperCase() ? as.toUpperCase() : as;
      if (as !== wanted) linter.report('FromAsCasing', line, `'${as}' and '${line.name}' keywords' casing do not match`);
      return;
    }
    default:
  }
}

/** A comment right above a stage or an argument describes it. */
export function checkDescription(linter: Linter, line: Line, instruction: Instruction): void {
  const names =
    instruction.name === 'arg'
      ? instruction.args.map(({ key }) => key)
      : instruction.name === 'from' && instruction.from.stage !== ''
        ? [instruction.from.stage]
        : [];
  const [first = ''] = line.comments.at(-1)?.split(' ') ?? [];
  const [example] = names;
  if (line.comments.length === 0 || example === undefined || names.includes(first)) return;
  const name = names.length > 1 ? '<arg_key>' : example;
  linter.report(
    'InvalidDefinitionDescription',
    line,
    `Comment for ${instruction.name.toUpperCase()} should follow the format: \`# ${name} <description>\``,
  );
}

/** Names of stages are their own, and each is used once. */
export function checkStageNames(linter: Linter, stages: readonly Stage[]): void {
  const seen = new Set<string>();
  for (const { stage, lines } of stages) {
    if (stage === '') continue;
    if (stage === 'context' || stage === 'scratch')
      linter.report('ReservedStageName', lines, `Stage name should not use the same name as reserved stage ${quoted(stage)}`);
    if (seen.has(stage)) linter.report('DuplicateStageName', lines, `Duplicate stage name ${quoted(stage)}, stage names should be unique`);
    seen.add(stage);
  }
}

/** All instructions are written in the case that most of them are written in. */
export function checkCasing(linter: Linter, { stages }: Stages): void {
  const words = stages.flatMap((stage) => [stage, ...stage.steps]);
  const lower = words.filter(({ word }) => word === word.toLowerCase()).length;
  const upper = words.filter(({ word }) => word === word.toUpperCase() && word !== word.toLowerCase()).length;
  for (const { word, lines } of words) {
    const wanted = lower > upper ? word.toLowerCase() : word.toUpperCase();
    if (word === wanted) continue;
    const casing = lower > upper ? 'lowercase' : 'uppercase';
    linter.report('ConsistentInstructionCasing', lines, `Command '${word}' should match the case of the command majority (${casing})`);
  }
}
