import { invalidArgument, prefixed } from '@gantry/rpc/errors';
import { type Instruction, parseLine } from './instruction';
import type { FileLines, Line } from './lines';
import { atLines, type Lines } from './location';
import { type Argument, commentOf } from './parse/arg';
import type { From } from './parse/from';

/** An instruction of a stage with what was written. */
export interface Step {
  readonly instruction: Exclude<Instruction, { readonly name: 'from' }>;
  /** The whole instruction as one line. */
  readonly text: string;
  /** Its name as written. */
  readonly word: string;
  readonly lines: Lines;
}

export interface Stage extends From {
  readonly steps: readonly Step[];
  readonly text: string;
  /** FROM as written. */
  readonly word: string;
  readonly comment: string;
  readonly lines: Lines;
}

export interface Stages {
  readonly stages: readonly Stage[];
  /** ARGs in front of the first FROM. */
  readonly globals: readonly { readonly args: readonly Argument[]; readonly lines: Lines }[];
}

/** Called for each line with what it says, in order: for whoever checks how a file is written. */
export type Watch = (line: Line, instruction: Instruction) => void;

/** The stages of a Dockerfile. `before` is asked to look at a line before it is read. Errors: invalidArgument in BuildKit's words. */
export function parseStages(
  file: FileLines,
  { before, after }: { readonly before?: (line: Line) => void; readonly after?: Watch } = {},
): Stages {
  const stages: (Stage & { steps: Step[] })[] = [];
  const globals: { readonly args: readonly Argument[]; readonly lines: Lines }[] = [];
  for (const line of file.lines) {
    before?.(line);
    const instruction = parsed(line, file);
    after?.(line, instruction);
    const about = { text: line.text.trim(), word: line.name, lines: { start: line.start, end: line.end } };
    const stage = stages.at(-1);
    if (instruction.name === 'from') {
      const { from } = instruction;
      stages.push({ ...from, ...about, steps: [], comment: commentOf(line.comments, from.stage) });
    } else if (stage !== undefined) stage.steps.push({ instruction, ...about });
    else if (instruction.name === 'arg') globals.push({ args: instruction.args, lines: about.lines });
    else throw atLines(invalidArgument('no build stage in current context'), about.lines);
  }
  return { stages, globals };
}

/** One instruction on its own: a trigger of a base image's ONBUILD, which stands at `lines` in the file that uses it. */
export function parseStep(file: FileLines, lines: Lines): Step {
  const [line, ...more] = file.lines;
  if (line === undefined || more.length > 0) throw invalidArgument('onbuild trigger should be a single expression');
  const instruction = parseLine(line, file.escape);
  if (instruction.name === 'from') throw invalidArgument('FROM is not a command type');
  return { instruction, text: line.text.trim(), word: line.name, lines };
}

function parsed(line: Line, file: FileLines): Instruction {
  try {
    return parseLine(line, file.escape);
  } catch (error) {
    throw prefixed(error, `dockerfile parse error on line ${line.start}`);
  }
}
