import type { FileAction } from '@gantry/api/pb/ops';
import { type TreeProgram, TreeRequest } from '@gantry/native';
import { asGantryError, type CallContext, detached, GantryError, internal, isGantryError } from '@gantry/rpc';
import type { Mount } from '@gantry/api/containerd/types/types';
import { leaving, type LeftTrees } from '../../failure/left-trees';
import type { Ref, Refs, WorkingTree } from '../../refs/ref';
import { addAction } from './actions';
import { type Owner, ownerOf } from './owner';
import { readFile } from './read';
import { unpackArchive } from './unpack';
import { committedActions, NONE } from './uses';

export interface FileBase {
  readonly refs: Pick<Refs, 'prepare' | 'view' | 'withTree'>;
  readonly program: Pick<TreeProgram, 'run'>;
}

/** A tree that several actions change one after the other. */
interface Chain {
  readonly tree: WorkingTree;
  readonly actions: number[];
}

/** Runs the actions of one op; gives the outputs, held. */
export class FileRun {
  private readonly made = new Map<number, Ref>();
  private readonly open = new Map<number, Chain>();
  private readonly committed: ReadonlySet<number>;

  constructor(
    private readonly base: FileBase,
    private readonly ctx: CallContext,
    private readonly inputs: readonly (Ref | undefined)[],
    private readonly actions: readonly FileAction[],
    private readonly name: string,
  ) {
    this.committed = committedActions(actions, inputs.length);
  }

  async outputs(): Promise<Ref[]> {
    try {
      for (const at of this.actions.keys()) await this.blamed(at, this.act(at));
      const outputs: Ref[] = [];
      for (const [at, { output }] of this.actions.entries()) if (output !== -1n) outputs[Number(output)] = this.outcome(at).clone();
      return outputs;
    } catch (error) {
      if (this.ctx.signal.aborted) throw error; // nobody is there to look
      throw leaving(error, await this.left(error));
    } finally {
      for (const ref of this.made.values()) ref.release();
      for (const { tree } of this.open.values()) await tree.discard();
    }
  }

  /** An action waits until the tree that it changes is committed: then all of its chain are one plan. */
  private async act(at: number): Promise<void> {
    const action = this.action(at);
    const before = Number(action.input) - this.inputs.length;
    let chain = this.open.get(before);
    if (chain === undefined)
      chain = { tree: await this.base.refs.prepare(this.ctx, this.treeOf(Number(action.input)), { description: this.name }), actions: [] };
    this.open.delete(before);
    this.open.set(at, chain);
    chain.actions.push(at);
    if (!this.committed.has(at)) return;
    await this.perform(chain);
    this.made.set(at, await chain.tree.commit(this.ctx));
    this.open.delete(at);
  }

  private async perform({ tree, actions }: Chain): Promise<void> {
    for (let from = 0; from < actions.length;) {
      let to = from;
      while (to < actions.length && !this.unpacks(actions[to])) to++;
      const group = actions.slice(from, to).map((at) => ({ at, action: this.action(at) }));
      if (group.length > 0) await this.plan(tree, group);
      const unpacked = actions[to];
      if (unpacked !== undefined) await this.unpack(tree, unpacked);
      from = to + 1;
    }
  }

  private unpacks(at: number | undefined): boolean {
    return at !== undefined && this.action(at).copy?.attemptUnpackDockerCompatibility === true;
  }

  private async unpack(tree: WorkingTree, at: number): Promise<void> {
    const action = this.action(at);
    const owner = await this.blamed(at, this.owner(action));
    const plain = (copies: readonly FileAction[]): Promise<void> =>
      this.plan(
        tree,
        copies.map((copy) => ({ at, action: copy })),
        owner,
      );
    await this.blamed(
      at,
      unpackArchive(this.base, this.ctx, { tree, action, source: this.treeOf(Number(action.secondaryInput)), owner, plain }),
    );
  }

  private async plan(
    tree: WorkingTree,
    actions: readonly { readonly at: number; readonly action: FileAction }[],
    given?: Owner,
  ): Promise<void> {
    const views = new Map<number, { readonly number: number; readonly mounts: readonly Mount[]; release(): Promise<void> }>();
    try {
      for (const { at, action } of actions) {
        const { copy, secondaryInput } = action;
        const input = Number(secondaryInput);
        if (copy === undefined || views.has(input)) continue;
        const view = await this.blamed(at, this.base.refs.view(this.ctx, this.treeOf(input)));
        views.set(input, { number: views.size + 1, ...view });
      }
      const request = new TreeRequest('P').number(views.size + 1).mounts(tree.mounts);
      for (const { mounts } of views.values()) request.mounts(mounts);
      request.number(actions.length);
      for (const { at, action } of actions) {
        const owner = given ?? (await this.blamed(at, this.owner(action)));
        const from = action.copy === undefined ? 0 : (views.get(Number(action.secondaryInput))?.number ?? 0);
        try {
          addAction(request, action, { to: 0, from, owner });
        } catch (error) {
          throw blame(error, at);
        }
      }
      try {
        await this.base.program.run(request, this.ctx.signal);
      } catch (error) {
        const done = isGantryError(error) ? error.meta['done'] : undefined;
        throw blame(error, actions[typeof done === 'number' ? done : 0]?.at ?? 0);
      }
    } finally {
      for (const view of views.values()) await view.release();
    }
  }

  private owner(action: FileAction): ReturnType<typeof ownerOf> {
    const owner = (action.copy ?? action.mkfile ?? action.mkdir ?? action.symlink)?.owner;
    return ownerOf(owner, (input, path) => readFile(this.base, this.ctx, this.treeOf(Number(input)), path));
  }

  private async blamed<T>(at: number, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw blame(error, at);
    }
  }

  /** What the op stood on, and the trees that its actions came to: that of the failed one as those before it left it. */
  private async left(error: unknown): Promise<LeftTrees> {
    const failed = actionOf(error);
    const mounts = this.actions.map((_, at) => this.made.get(at)?.clone());
    for (const [last, { tree, actions }] of this.open) {
      if (!actions.includes(failed)) continue;
      try {
        mounts[failed] = await tree.commit(detached(this.ctx), { passing: true });
        this.open.delete(last);
      } catch (thrown) {
        // it is the action's own failure that the client is to be told
        this.ctx.logger?.warn({ err: thrown, action: failed }, 'what a failed file action left was not kept');
      }
    }
    return { inputs: this.inputs.map((ref) => ref?.clone()), mounts, subject: { file: { index: BigInt(failed) } } };
  }

  private action(at: number): FileAction {
    const action = this.actions[at];
    if (action === undefined) throw internal(`file action ${at} is missing`);
    return action;
  }

  private outcome(at: number): Ref {
    const ref = this.made.get(at);
    if (ref === undefined) throw internal(`file action ${at} was not committed`);
    return ref;
  }

  private treeOf(input: number): Ref | undefined {
    if (input === NONE) return undefined;
    return input < this.inputs.length ? this.inputs[input] : this.outcome(input - this.inputs.length);
  }
}

/** Says which action failed, for clients that show it (`fileAction` of the error's meta). */
function blame(thrown: unknown, at: number): GantryError {
  const error = asGantryError(thrown);
  if ('fileAction' in error.meta) return error; // by who knows better
  const { done: _done, ...meta } = error.meta;
  return new GantryError(error.kind, error.message, { cause: error, meta: { ...meta, fileAction: at } });
}

const actionOf = (error: unknown): number => Number(isGantryError(error) ? (error.meta['fileAction'] ?? 0) : 0);
