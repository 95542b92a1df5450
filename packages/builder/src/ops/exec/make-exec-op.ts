import { type Op as Definition, SecurityMode } from '@gantry/api/pb/ops';
import type { Platform } from '@gantry/oci';
import { type CallContext, detached, prefixed } from '@gantry/rpc';
import type { ContainerWish, Executor, StepMount } from '../../executor/executor';
import { type Emulation, emulation } from '../../executor/platforms/support';
import { leaving, type LeftTrees } from '../../failure/left-trees';
import type { Ref, Refs } from '../../refs/ref';
import type { CacheMap, Op, OpMaker, StepContext, VertexAbout } from '../../solver/op';
import { keyOf } from './cache-key';
import { type Exec, execOf } from './definition';
import { cacheInputs } from './dependencies';
import { proxyVariables, withPath } from './environment';
import { couldNotRun, execError } from './failure';
import { networkOf } from './network';
import { secretVariables } from './special/secrets';
import { type KnownWishes, resourcesOf, STEP_WISHES, type StepWishes } from './step-wishes';
import { type MountedTrees, mountTrees, type MountNeeds } from './mounts';

export interface ExecOpNeeds extends MountNeeds {
  readonly refs: Pick<Refs, 'prepare' | 'view' | 'checksum'>;
  readonly executor: Executor;
  /** What builds of this process want of their steps, by the name that the step's description has. */
  readonly wishes?: KnownWishes;
  /** What steps of a platform need beside their own mounts; default: this machine's emulators. */
  readonly emulation?: typeof emulation;
}

/** Makes the ops that run a process: RUN of a Dockerfile. */
export function makeExecOp(needs: ExecOpNeeds): OpMaker<Definition> {
  return (definition, about) => new ExecOp(needs, execOf(definition), definition.inputs.length, about);
}

class ExecOp implements Op {
  constructor(
    private readonly needs: ExecOpNeeds,
    private readonly exec: Exec,
    private readonly inputs: number,
    private readonly about: VertexAbout,
  ) {}

  async *cacheMaps(): AsyncIterable<CacheMap> {
    yield { digest: keyOf(this.exec, this.about.platform), inputs: cacheInputs(this.exec.mounts, this.inputs, this.needs.refs) };
  }

  async run(step: StepContext, inputs: readonly (Ref | undefined)[]): Promise<readonly (Ref | undefined)[]> {
    const { exec } = this;
    const { call, sessions } = step;
    let trees: MountedTrees | undefined;
    try {
      const given: Given = {
        ...(await (this.needs.emulation ?? emulation)(platformOf(this.about.platform))),
        resources: await resourcesOf(this.wishes),
        secrets: await secretVariables(call, exec.secretenv, sessions),
      };
      trees = await mountTrees(this.needs, call, {
        mounts: exec.mounts,
        inputs,
        cwd: exec.meta.cwd,
        sessions,
        description: `exec ${exec.meta.args.join(' ')}`,
      });
      return await this.runIn(trees, step, given);
    } catch (error) {
      if (call.signal.aborted) throw error; // nobody is there to look
      throw leaving(error, await this.left(trees, inputs, call));
    } finally {
      await trees?.release();
    }
  }

  /** Runs the process; the outcomes. */
  private async runIn(
    trees: MountedTrees,
    { call, progress }: StepContext,
    { mounts: emulators, missing, resources, secrets }: Given,
  ): Promise<readonly (Ref | undefined)[]> {
    const { meta } = this.exec;
    try {
      const { code } = await this.process(
        call,
        { ...this.container(trees, emulators), resources },
        {
          args: meta.args,
          env: [...withPath([...meta.env, ...proxyVariables(meta.proxyEnv)]), ...secrets],
          cwd: meta.cwd || '/',
          user: meta.user,
          tty: false,
          output: (stream, data) => progress.log(stream, data),
        },
      );
      const valid = meta.validExitCodes.length === 0 ? [0] : meta.validExitCodes;
      if (!valid.includes(code)) throw execError(meta.args, code);
      return await trees.commit(call);
    } catch (error) {
      if (missing === undefined || call.signal.aborted) throw error;
      throw prefixed(error, missing);
    }
  }

  /** What keeps the process from being run at all is told with its words, too. */
  private async process(...given: Parameters<ExecOpNeeds['executor']['run']>): ReturnType<ExecOpNeeds['executor']['run']> {
    try {
      return await this.needs.executor.run(...given);
    } catch (error) {
      throw couldNotRun(this.exec.meta.args, error);
    }
  }

  private get wishes(): StepWishes {
    return this.needs.wishes?.get(this.about.description[STEP_WISHES] ?? '') ?? {};
  }

  private container(trees: MountedTrees, emulators: readonly StepMount[]): Omit<ContainerWish, 'id' | 'resources'> {
    const { meta, network, security, cdiDevices } = this.exec;
    return {
      root: trees.root,
      readonlyRoot: trees.readonlyRoot,
      mounts: [...trees.mounts, ...emulators],
      network: this.wishes.network ?? networkOf(network),
      insecure: security === SecurityMode.INSECURE,
      hostname: meta.hostname,
      extraHosts: meta.extraHosts.map(({ Host: host, IP: ip }) => ({ host, ip })),
      limits: meta.ulimit.map(({ Name: name, Soft: soft, Hard: hard }) => ({ name, soft, hard })),
      cgroupParent: meta.cgroupParent,
      devices: cdiDevices,
      removeStubsRecursive: meta.removeMountStubsRecursive,
    };
  }

  /** The trees as they are now; a mount that nothing was written to is its input. */
  private async left(trees: MountedTrees | undefined, inputs: readonly (Ref | undefined)[], call: CallContext): Promise<LeftTrees> {
    const given = this.exec.mounts.map(({ input }) => (input < 0n ? undefined : inputs[Number(input)]));
    let kept: readonly (Ref | undefined)[] = [];
    try {
      kept = (await trees?.keep(detached(call))) ?? [];
    } catch (error) {
      // it is the step's own failure that the client is to be told
      call.logger?.warn({ err: error, step: this.about.digest }, 'what a failed step left was not kept');
    }
    return { inputs: given.map((ref) => ref?.clone()), mounts: given.map((ref, at) => kept[at] ?? ref?.clone()) };
  }
}

/** What a process is given beside its trees. */
interface Given extends Emulation {
  readonly resources: Awaited<ReturnType<typeof resourcesOf>>;
  readonly secrets: Awaited<ReturnType<typeof secretVariables>>;
}

function platformOf(platform: VertexAbout['platform']): Platform | undefined {
  if (platform === undefined) return undefined;
  const { os, architecture, variant } = platform;
  return { os, architecture, ...(variant === '' ? {} : { variant }) };
}
