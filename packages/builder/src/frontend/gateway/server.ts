import type { LLBBridgeService, PongResponse } from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import type { Definition } from '@gantry/api/pb/ops';
import { failedPrecondition, type Handlers, invalidArgument } from '@gantry/rpc';
import type { FrontendBridge, FrontendResult } from '../frontend';
import { fileRpcs } from './files';
import { resolveRpcs } from './resolve';
import { OutcomeIds, readResult, writeResult } from './results';
import { returnedError } from './returned-error';
import { solving } from './solve-error';

type Bridge = Handlers<typeof LLBBridgeService>;

/** The containers that a frontend may start; they are the executor's. */
export type ContainerRpcs = Pick<
  Bridge,
  'newContainer' | 'releaseContainer' | 'execProcess' | 'readFileContainer' | 'readDirContainer' | 'statFileContainer'
>;
export type BasicRpcs = Omit<Bridge, keyof ContainerRpcs>;

export interface BridgeServerParts {
  readonly bridge: FrontendBridge;
  readonly inputs: ReadonlyMap<string, Definition>;
  readonly pong: () => PongResponse;
  /** The result counts only when the frontend has ended well (`end`): one that runs in a container may still fail. */
  readonly untilEnd?: boolean;
}

/** LLBBridge for one build whose frontend is not in this process: a client's, or one in a container. The frontend ends it with Return. */
export class BridgeServer {
  readonly ids = new OutcomeIds();
  private readonly returned = Promise.withResolvers<FrontendResult>();
  private settled = false;
  private answer: { readonly result?: FrontendResult; readonly error?: Error } | undefined;

  constructor(private readonly parts: BridgeServerParts) {
    this.returned.promise.catch(() => undefined); // whoever waits for it is told
  }

  /** What the frontend returned. Rejects with the error that it returned. */
  get result(): Promise<FrontendResult> {
    return this.returned.promise;
  }

  rpcs(): BasicRpcs {
    const { bridge } = this.parts;
    const { readFile, readDir, statFile } = fileRpcs(bridge, this.ids);
    return {
      ...resolveRpcs(bridge),
      readFile: (ctx, request) => solving(this.ids, readFile(ctx, request)),
      readDir: (ctx, request) => solving(this.ids, readDir(ctx, request)),
      statFile: (ctx, request) => solving(this.ids, statFile(ctx, request)),
      ping: () => Promise.resolve(this.parts.pong()),
      inputs: () => Promise.resolve({ Definitions: Object.fromEntries(this.parts.inputs) }),
      solve: async (ctx, request) => {
        if (request.Final) throw invalidArgument('a solve that is final: return the result by Return');
        const solved = bridge.solve(ctx, {
          ...(request.Definition === undefined ? {} : { definition: request.Definition }),
          frontend: request.Frontend,
          options: new Map(Object.entries(request.FrontendOpt)),
          inputs: new Map(Object.entries(request.FrontendInputs)),
          evaluate: request.Evaluate,
          policies: request.SourcePolicies,
          cacheImports: request.CacheImports.map(({ Type, Attrs }) => ({ type: Type, attributes: new Map(Object.entries(Attrs)) })),
        });
        const result = await solving(this.ids, solved);
        const written = writeResult(result, this.ids, request.allowResultArrayRef);
        if (request.allowResultReturn) return { ref: '', result: written };
        if (written.refs !== undefined || written.refsDeprecated !== undefined)
          throw invalidArgument('solve did not return default result');
        return { ref: written.ref?.id ?? written.refDeprecated ?? '', result: written };
      },
      evaluate: async (ctx, { Ref }) => {
        const tree = await solving(this.ids, this.ids.need(Ref).tree(ctx));
        tree?.release();
        return {};
      },
      warn: (_ctx, request) => {
        bridge.warn(request.digest, {
          level: Number(request.level),
          short: request.short.toString(),
          detail: request.detail.map((line) => line.toString()),
          url: request.url,
          ranges: request.ranges,
          ...(request.info === undefined ? {} : { source: request.info }),
        });
        return Promise.resolve({});
      },
      return: (_ctx, { result, error }) => {
        if ((result === undefined) === (error === undefined)) throw invalidArgument('gateway return must be either result or err');
        if (this.settled) throw failedPrecondition('gateway result is already set');
        if (error !== undefined) this.answer = { error: returnedError(error) };
        else if (result !== undefined) this.answer = { result: readResult(result, this.ids) };
        this.settled = true;
        if (this.parts.untilEnd !== true) this.end();
        return Promise.resolve({});
      },
    };
  }

  /** The frontend itself failed: what it returned as a result does not count; an error that it returned says more. */
  fail(error: Error): void {
    if (this.answer?.error === undefined) this.answer = { error };
  }

  /** The frontend says no more: what it returned is the result. */
  end(): void {
    const { answer } = this;
    if (answer?.error !== undefined) this.returned.reject(answer.error);
    else if (answer?.result !== undefined) this.returned.resolve(answer.result);
    else this.returned.reject(failedPrecondition('no result for incomplete build'));
  }

  /** The build is over: nobody asks any more. */
  discard(): void {
    this.settled = true;
    this.returned.reject(failedPrecondition('no result for incomplete build'));
    this.ids.clear();
  }
}
