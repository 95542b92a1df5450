import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LLBBridgeService } from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import type { WorkerRecord } from '@gantry/api/moby/buildkit/v1/types/worker';
import { Definition } from '@gantry/api/pb/ops';
import { type CallContext, createServer, internal, type Logger } from '@gantry/rpc';
import type { ContainerWish, Executor, Exit } from '../../../executor/executor';
import { llbCaps } from '../../../llb/caps';
import { withPath } from '../../../ops/exec/environment';
import type { Refs } from '../../../refs/ref';
import type { SessionGroup } from '../../../session/session';
import { unsupportedCap } from '../../dockerfile/ui/caps';
import type { Frontend, FrontendBridge, FrontendResult } from '../../frontend';
import { enabled, frontendApiCaps } from '../caps';
import { makeContainers, type ContainersNeeds } from '../containers/container-rpcs';
import { BridgeServer } from '../server';
import { processConnection } from './connection';
import { capNames, frontendVariables } from './environment';
import { type FrontendImage, frontendImage } from './source';

export interface GatewayFrontendNeeds extends ContainersNeeds {
  readonly executor: Executor;
  readonly refs: Pick<Refs, 'prepare'>;
  readonly workers: () => readonly WorkerRecord[];
  readonly logger: Logger;
}

const CAPS_LABEL = 'moby.buildkit.frontend.caps';
const NO_NETWORK_LABEL = 'moby.buildkit.frontend.network.none';
const METADATA = '/run/config/buildkit/metadata';

/** Frontends that are images (`gateway.v0`): each runs in a container and speaks LLBBridge over its stdin and stdout. */
export function makeGatewayFrontend(needs: GatewayFrontendNeeds): Frontend {
  return { solve: (ctx, bridge, options, inputs, sessions) => solve(needs, ctx, { bridge, options, inputs, sessions }) };
}

interface Wish {
  readonly bridge: FrontendBridge;
  readonly options: ReadonlyMap<string, string>;
  readonly inputs: ReadonlyMap<string, Definition>;
  readonly sessions: SessionGroup;
}

async function solve(needs: GatewayFrontendNeeds, ctx: CallContext, wish: Wish): Promise<FrontendResult> {
  const sessionId = wish.sessions.ids[0] ?? '';
  const image = await frontendImage(ctx, { ...wish, sessionId });
  checkCaps(image, wish);
  const server = new BridgeServer({
    bridge: wish.bridge,
    inputs: wish.inputs,
    pong: () => ({ FrontendAPICaps: [...frontendApiCaps], LLBCaps: enabled(llbCaps), Workers: [...needs.workers()] }),
    untilEnd: true,
  });
  const containers = makeContainers(needs, { bridge: wish.bridge, outcomes: server.ids, sessions: wish.sessions });
  const connection = processConnection();
  const rpc = createServer({ logger: needs.logger });
  rpc.addService(LLBBridgeService, { ...containers, ...server.rpcs() }, { longCalls: ['solve', 'evaluate'] });
  rpc.serveStream(connection.stream);
  try {
    const { code } = await runFrontend(needs, ctx, {
      image,
      connection,
      variables: frontendVariables(wish.options, sessionId, needs.workers()),
    });
    if (code !== 0) server.fail(internal(`exit code: ${code}`, { meta: { exitCode: code } }));
    server.end();
    return await server.result;
  } finally {
    connection.stream.destroy();
    await rpc.stop(0);
    await containers.close();
    server.discard();
  }
}

/** A frontend says by a label of its image what it can do; what is needed beyond that ends the build. */
function checkCaps({ config }: FrontendImage, { options, inputs }: Wish): void {
  const has = capNames(config.config?.Labels?.[CAPS_LABEL]);
  const wanted = capNames(options.get('frontend.caps'));
  if (inputs.size > 0) wanted.add('moby.buildkit.frontend.inputs');
  for (const cap of wanted) if (!has.has(cap)) throw unsupportedCap(cap);
}

async function runFrontend(
  needs: GatewayFrontendNeeds,
  ctx: CallContext,
  run: { readonly image: FrontendImage; readonly connection: ReturnType<typeof processConnection>; readonly variables: readonly string[] },
): Promise<Exit> {
  const { image, connection, variables } = run;
  const { Env: env, Entrypoint: entrypoint, WorkingDir: cwd, Labels: labels } = image.config.config ?? {};
  const ref = await image.outcome.tree(ctx);
  const tree = await needs.refs.prepare(ctx, ref, { description: 'frontend', type: 'frontend' }).finally(() => ref?.release());
  await mkdir(needs.directory, { recursive: true, mode: 0o700 });
  const metadata = await mkdtemp(join(needs.directory, 'frontend-'));
  try {
    await writeFile(join(metadata, 'frontend.bin'), Definition.encode(image.definition).finish(), { mode: 0o400 });
    const options = ['bind', 'ro', 'nosuid', 'nodev', 'noexec'];
    const wish: ContainerWish = {
      root: tree.mounts,
      readonlyRoot: false,
      mounts: [{ destination: METADATA, source: [{ type: 'bind', source: metadata, target: '', options }], selector: '', readonly: true }],
      network: isTrue(labels?.[NO_NETWORK_LABEL]) ? 'none' : 'default',
      insecure: false,
      hostname: '',
      extraHosts: [],
      limits: [],
      cgroupParent: '',
      devices: [],
      removeStubsRecursive: true,
    };
    return await needs.executor.run(ctx, wish, {
      args: entrypoint ?? ['/run'],
      env: withPath([...(env ?? []), ...variables]),
      cwd: cwd || '/',
      user: '',
      tty: false,
      stdin: connection.stdin,
      output: (stream, data) => (stream === 1 ? connection.output(data) : needs.logger.info({ text: data.toString() }, 'a frontend says')),
    });
  } finally {
    await rm(metadata, { recursive: true, force: true });
    await tree.discard();
  }
}

const isTrue = (text: string | undefined): boolean => /^(1|t|T|TRUE|true|True)$/.test(text ?? '');
