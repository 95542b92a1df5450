import { randomBytes } from 'node:crypto';
import { fromTimestamp } from '@gantry/api';
import type { Timestamp } from '@gantry/api/google/protobuf/timestamp';
import type { StatusResponse, Vertex } from '@gantry/api/moby/buildkit/v1/control';
import { pause } from '@gantry/rpc';
import { type ExecFailure, execFailureOf, wasNotRun } from '../ops/exec/failure';
import type { ClassicTeller, StepContainer, StepWish } from '../frontend/dockerfile/classic/teller';

interface Current {
  readonly vertex: string;
  readonly shown: boolean;
  readonly warnings: readonly string[];
  /** Its id; what is told has twelve digits of it. */
  readonly container: string;
  /** What was told before this moment is of another build's work; undefined where all is this one's. */
  readonly since: Date | undefined;
  running: boolean;
  startedAt: string;
  readonly done: PromiseWithResolvers<Vertex>;
}

/** Progress of a step comes a little behind its end; one that tells nothing is not waited for longer, milliseconds. */
const TELL_MS = 5000;
const STDERR = 2n;
const ID_BYTES = 32;
const SHORT = 12;
/** What a command comes to that was cut off. */
const KILLED = 137;
/** And one that could not be run. */
const NOT_FOUND = 127;

export type ContainerAction = 'create' | 'start' | 'die' | 'destroy';

/** When the containers of steps are removed: behind those that succeed, and whatever becomes of them. */
export interface Removes {
  readonly remove: boolean;
  readonly forceRemove: boolean;
}

/** A step's container that is not removed. */
export interface KeptStep {
  readonly id: string;
  readonly container: StepContainer;
  /** When its command ran; undefined where it never did. */
  readonly ran: { readonly startedAt: string; readonly finishedAt: string } | undefined;
  readonly exitCode: number;
  /** What it failed with. */
  readonly failure: ExecFailure | undefined;
}

/** The classic builder's output: text of its own, and what the steps of a build tell, each between its first and its last line. */
export class ClassicOutput implements ClassicTeller {
  private current: Current | undefined;
  private readonly ended = new Set<string>();
  private said: Promise<void> = Promise.resolve();
  private changed: Promise<void> = Promise.resolve();
  private readonly keeping: Promise<void>[] = [];

  constructor(
    private readonly send: (text: string) => Promise<void>,
    private readonly removes: Removes,
    readonly image: ClassicTeller['image'],
    /** What becomes of a step's container, in Docker's words, told in its order and waited for by nobody. */
    private readonly container: (id: string, action: ContainerAction, exitCode: number) => Promise<void> = () => Promise.resolve(),
    readonly allow: ClassicTeller['allow'] = () => undefined,
    /** Makes a container of a step that is not removed. */
    private readonly keep: (step: KeptStep) => Promise<void> = () => Promise.resolve(),
  ) {}

  /** The containers that are kept are there afterwards. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.keeping);
  }

  text(text: string | Promise<string>): Promise<void> {
    return this.say(text);
  }

  async step({ vertex, shown, expected, warnings, container, known, run }: StepWish): Promise<{ readonly cached: boolean }> {
    const current: Current = {
      vertex: vertex ?? '',
      shown,
      warnings,
      container: randomBytes(ID_BYTES).toString('hex'),
      since: expected ? new Date() : undefined,
      running: false,
      startedAt: '',
      done: Promise.withResolvers<Vertex>(),
    };
    if (vertex === undefined || this.ended.has(vertex)) {
      await run();
      const cached = await known();
      if (!cached) await this.begin(current);
      await this.end(current, cached, container);
      return { cached };
    }
    this.current = current;
    const earlier = this.said; // what is told of this step comes behind it
    try {
      await run();
      await earlier;
      await told(current);
      const cached = await known();
      if (!cached) await this.begin(current);
      await this.end(current, cached, container);
      return { cached };
    } catch (error) {
      const failure = execFailureOf(error);
      const removed = this.removes.forceRemove || (failure === undefined && !wasNotRun(error));
      this.died(current, { exitCode: failure?.exitCode ?? KILLED, removed });
      // the trees of a failure go when everybody has seen it
      if (!removed) await this.kept(current, container(), { failure, exitCode: failure?.exitCode ?? NOT_FOUND });
      await earlier;
      await told(current);
      if (this.removes.forceRemove) await this.sayRemoved(current);
      throw error;
    } finally {
      this.current = undefined;
    }
  }

  /** What the build tells, in its order. */
  async take(status: StatusResponse): Promise<void> {
    const { current } = this;
    const { vertexes } = status;
    const mine = current === undefined ? [] : vertexes.filter(({ digest }) => digest === current.vertex);
    if (current !== undefined) await this.show(current, status);
    for (const vertex of vertexes) if (vertex.completed !== undefined && vertex.error === '') this.ended.add(vertex.digest);
    // Where something fails that the step stands on, it has no end of its own.
    const end = mine.findLast(({ completed }) => completed !== undefined) ?? vertexes.find(({ error }) => error !== '');
    if (end !== undefined) current?.done.resolve(end);
  }

  private async show(current: Current, { vertexes, logs }: StatusResponse): Promise<void> {
    const counts = (at: Timestamp | undefined): boolean =>
      current.since === undefined || (at !== undefined && fromTimestamp(at) >= current.since);
    if (vertexes.some(({ digest, started, cached }) => digest === current.vertex && started !== undefined && !cached && counts(started)))
      await this.begin(current);
    for (const { vertex, timestamp, stream, msg } of logs)
      if (vertex === current.vertex && counts(timestamp))
        await this.say(stream === STDERR ? `\u001b[91m${msg.toString()}\u001b[0m` : msg.toString());
  }

  /** One text after the other, whatever becomes of those before. */
  private say(text: string | Promise<string>): Promise<void> {
    const said = this.said.then(async () => this.send(await text));
    this.said = said.catch(() => undefined);
    return said;
  }

  private async begin(current: Current): Promise<void> {
    if (current.running || !current.shown) return;
    current.running = true;
    current.startedAt = new Date().toISOString();
    const warned = current.warnings.map((warning) => ` ---> [Warning] ${warning}\n`).join('');
    const said = this.say(`${warned} ---> Running in ${current.container.slice(0, SHORT)}\n`);
    this.change(current, ['create', 'start']);
    await said;
  }

  private died(current: Current, { exitCode, removed }: { readonly exitCode: number; readonly removed: boolean }): void {
    if (current.running) this.change(current, removed ? ['die', 'destroy'] : ['die'], exitCode);
  }

  /** Keeps a container of the step. One that never ran is kept, too. */
  private kept(
    { container: id, running, startedAt, vertex }: Current,
    container: StepContainer,
    { failure, exitCode }: Pick<KeptStep, 'failure' | 'exitCode'>,
  ): Promise<void> {
    if (!running) return Promise.resolve();
    const has = vertex !== '' && (failure !== undefined || exitCode === 0);
    const ran = has ? { startedAt, finishedAt: new Date().toISOString() } : undefined;
    const work = this.keep({ id, container, ran, exitCode, failure }).catch(() => undefined);
    this.keeping.push(work);
    return work;
  }

  /** One after the other; that nobody could be told changes nothing of the build. */
  private change({ container }: Current, actions: readonly ContainerAction[], exitCode = 0): void {
    for (const action of actions)
      this.changed = this.changed.then(() => this.container(container, action, exitCode)).catch(() => undefined);
  }

  private async end(current: Current, cached: boolean, container: StepWish['container']): Promise<void> {
    const removed = this.removes.remove || this.removes.forceRemove;
    this.died(current, { exitCode: 0, removed });
    if (cached) await this.say(' ---> Using cache\n');
    else if (removed) await this.sayRemoved(current);
    else void this.kept(current, container(), { failure: undefined, exitCode: 0 });
  }

  private async sayRemoved({ running, container }: Current): Promise<void> {
    if (running) await this.say(` ---> Removed intermediate container ${container.slice(0, SHORT)}\n`);
  }
}

/** What was told of the end of a step. */
async function told({ done }: Current): Promise<Vertex | undefined> {
  const over = new AbortController();
  try {
    return await Promise.race([done.promise, pause(TELL_MS, { signal: over.signal }).then(() => undefined)]);
  } finally {
    over.abort();
  }
}
