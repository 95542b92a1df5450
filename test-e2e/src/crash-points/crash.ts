import { callApi, until, type Engine } from '../harness';
import { clear, docker, must, type Operation } from './operations';
import { shown } from './shown';
import { leftOver } from './stock';

/** Where operations are done: an engine in which nothing else happens. */
export interface World {
  readonly engine: Engine;
  /** Parent of the containers' cgroups. */
  readonly group: string;
  /** All that there was at first. */
  readonly stock: readonly string[];
  /** What was told to be left over, which is told once. */
  readonly told: Set<string>;
}

/** An operation as it is when nobody dies. */
export interface Whole {
  readonly before: string;
  readonly after: string;
}

/** How a service comes to its end while an operation is done. */
export interface Blow {
  /** The operation begins. */
  arm(): void;
  /** It was answered. Says what ended and when, or undefined when nothing did. */
  struck(): Promise<string | undefined>;
}

/** Does an operation whole; answers what it looked like. `counting` is told when it begins, and asked when it ends. */
export async function measure({ engine }: World, operation: Operation, counting?: Blow): Promise<Whole> {
  for (const args of operation.before ?? []) await must(engine, args);
  const before = await shown(engine);
  counting?.arm();
  await must(engine, operation.act);
  await counting?.struck();
  const after = await shown(engine);
  await clear(engine);
  return { before, after };
}

/** Does an operation in which a service ends; answers what was wrong afterwards, in words. `undefined`: none ended. */
export async function crash(world: World, operation: Operation, whole: Whole, blow: Blow): Promise<string[] | undefined> {
  const { engine } = world;
  for (const args of operation.before ?? []) await must(engine, args);
  blow.arm();
  const done = await docker(engine, operation.act);
  const struck = await blow.struck();
  const about = `${operation.name}, ${struck}, answer ${done.code} ${done.stderr.trim()}`;
  const wrong = struck === undefined ? [] : (await wrongAfter(engine, operation, whole, done.code)).map((each) => `${about}: ${each}`);
  await clear(engine);
  const left = await leftOver(engine, world.group, [...world.stock, ...world.told]); // what stays for ever is waited for once
  for (const line of left) world.told.add(line);
  if (left.length > 0) wrong.push(`${about}: left over: ${left.join(', ')}`);
  return struck === undefined && left.length === 0 ? undefined : wrong;
}

/** The operation was done whole or not at all, as its answer says, and can be done again. */
async function wrongAfter(engine: Engine, operation: Operation, whole: Whole, code: number): Promise<string[]> {
  await back(engine);
  const allowed = (now: string): boolean =>
    code === 0 ? isDone(operation, whole, now) : now === whole.after || isAllowed(operation, whole, now);
  const state = await settled(engine, allowed);
  if (!allowed(state)) return [`afterwards there is\n${state}\nand neither\n${whole.before}\nnor\n${whole.after}`];
  if (code === 0) return [];
  const again = await docker(engine, operation.act);
  const untouched = isSame(operation, whole.before, state);
  const told = again.code === 0 || (!untouched && operation.already?.test(again.stderr) === true);
  if (!told) return [`done again on\n${state}\nit fails: ${again.code} ${again.stderr}`];
  if (!untouched && state !== whole.after) return []; // what a client had begun is its own to take away
  // What was made twice has the name once.
  const isFinal = (now: string): boolean => isSame(operation, whole.after, now.replace(/^image \n/m, ''));
  const final = await settled(engine, isFinal);
  return isFinal(final) ? [] : [`done again there is\n${final}\nand not\n${whole.after}`];
}

/** Until the engine answers again for itself and for its images and networks. */
async function back(engine: Engine): Promise<void> {
  const paths = ['/containers/json?all=1', '/images/json', '/networks', '/volumes'];
  const answers = async (path: string): Promise<boolean> =>
    callApi(engine, 'GET', path).then(
      ({ status }) => status === 200,
      () => false,
    );
  await until('the engine to answer again', async () => (await Promise.all(paths.map(answers))).every(Boolean));
}

/** What is shown once it is as wanted; as it is after ten seconds otherwise: recovery goes on behind the first answers. */
async function settled(engine: Engine, wanted: (state: string) => boolean): Promise<string> {
  for (const end = Date.now() + 10_000; ;) {
    const state = await shown(engine).catch((error: unknown) => String(error)); // a container went while it was looked at
    if (wanted(state) || Date.now() > end) return state;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A call that was made again by the engine itself may have left one of which its client does not know. */
const isDone = (operation: Operation, { after }: Whole, state: string): boolean =>
  isSame(operation, after, state) && state.length >= after.length;

/** Nothing was done, or what a user may see in between. */
function isAllowed(operation: Operation, { before, after }: Whole, state: string): boolean {
  const { between = [] } = operation;
  if (isSame(operation, before, state)) return true;
  if (between.length === 0) return false;
  const known = new Set([...before.split('\n'), ...after.split('\n')].map(withoutMembers));
  let containers = 0;
  const fits = state.split('\n').every((line) => {
    const status = /^container \/(?!stays)\S+ (\w+)/.exec(line)?.[1];
    if (status === undefined) return line === 'volume anonymous' || known.has(withoutMembers(line));
    containers++;
    return between.includes(status);
  });
  return fits && (containers > 0 || between.includes('gone'));
}

/** But for what may be there besides. */
const isSame = ({ besides = /^$/ }: Operation, wanted: string, state: string): boolean =>
  state.replace(besides, '') === wanted.replace(besides, '');

const withoutMembers = (line: string): string => line.replace(/^(network \S+) of .*/, '$1');
