import { type FileLines, parseStages, readLines, type Step } from '@gantry/dockerfile';
import type { Tree } from '../../../llb/write/graph';
import type { ClassicWatch } from '../convert/conversion';
import { upToTarget } from '../convert/target';
import { imageJson } from '../convert/image';
import type { Command, StageState } from '../convert/state';
import type { BuildOptions } from '../ui/options';

/** What there is once an instruction is done. */
export interface Made {
  readonly tree: Tree;
  /** The image's configuration as JSON. */
  readonly image: Buffer;
  readonly env: ReadonlyMap<string, string>;
}

/** One line of the classic builder's output, and the work behind it. */
export type Planned =
  | { readonly kind: 'argument'; readonly text: string }
  | { readonly kind: 'stage'; readonly text: string; readonly made: Made; readonly triggers: number }
  | { readonly kind: 'step'; readonly text: string; readonly made: Made; readonly command: Command }
  | { readonly kind: 'labels'; readonly text: string; readonly made: Made };

const madeBy = (state: StageState): Made => ({ tree: state.tree, image: imageJson(state.image), env: new Map(state.env) });

/** Writes down, in the order of the file, what a conversion comes to. */
export class Plan implements ClassicWatch {
  private readonly items: Planned[] = [];
  private begun: Command | undefined;

  constructor(
    private readonly named: (step: Step, env: ReadonlyMap<string, string>) => Promise<Step> = (step) => Promise.resolve(step),
    private readonly sums: (step: Step, env: ReadonlyMap<string, string>) => Promise<ReadonlyMap<string, string>> = () =>
      Promise.resolve(new Map()),
  ) {}

  stage(state: StageState): void {
    const triggers = state.commands.filter(({ onbuild }) => onbuild).length;
    this.items.push({ kind: 'stage', text: state.stage.text, made: madeBy(state), triggers });
  }

  begin(command: Command): void {
    this.begun = command;
  }

  async reword(state: StageState, command: Command): Promise<Command> {
    const step = await this.named(command.step, state.env);
    const sums = await this.sums(step, state.env);
    return step === command.step && sums.size === 0 ? command : { ...command, step, sums };
  }

  /** The instruction that could not be turned into steps, with the lines before it; undefined where none was looked at. */
  broken(text: string): { readonly text: string; readonly lines: readonly Planned[] } | undefined {
    const { begun } = this;
    if (begun === undefined || begun.onbuild) return undefined;
    return { text: begun.step.text, lines: [...frontLines(text), ...this.items] };
  }

  step(state: StageState, command: Command): void {
    this.begun = undefined;
    this.items.push({ kind: 'step', text: command.step.text, made: madeBy(state), command });
  }

  /** All lines: arguments in front of the first stage before, labels that the client gave behind. */
  lines(text: string, target: StageState, labels: ReadonlyMap<string, string>): readonly Planned[] {
    const made = madeBy(target);
    const said = [...labels].sort(([one], [other]) => (one < other ? -1 : 1)).map((pair) => pair.join('='));
    return [...frontLines(text), ...this.items, ...said.map((pair) => ({ kind: 'labels', text: `LABEL ${pair}`, made }) as const)];
  }
}

/** The line of the first FROM. */
export const firstStage = (text: string): string | undefined => parseStages(readLines(text)).stages[0]?.text;

export const frontLines = (text: string): readonly Planned[] =>
  globalLines(readLines(text)).map((line) => ({ kind: 'argument', text: line }));

function globalLines({ lines }: FileLines): string[] {
  const first = lines.findIndex(({ name }) => name.toLowerCase() === 'from');
  return lines.slice(0, first).map(({ text }) => text.trim());
}

/** Steps as they are counted: what a trigger does belongs to FROM. */
export function countSteps(text: string, { target, labels }: Pick<BuildOptions, 'target' | 'labels'>): number {
  const { stages, globals } = upToTarget(parseStages(readLines(text)), target);
  return globals.length + stages.reduce((sum, { steps }) => sum + 1 + steps.length, 0) + labels.size;
}

export const isTrigger = (planned: Planned): boolean => planned.kind === 'step' && planned.command.onbuild;
