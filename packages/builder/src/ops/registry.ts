import type { BuildOp, DiffOp, FileOp, MergeOp, Op as WireOp, SourceOp } from '@gantry/api/pb/ops';
import { invalidArgument } from '@gantry/rpc';
import type { Vertex } from '../llb';
import type { Op, OpMaker, SubSolver, VertexAbout } from '../solver';

/** Who makes the op of each kind of vertex. */
export interface OpMakers {
  /** Is given the whole op: mounts name its inputs. */
  readonly exec: OpMaker<WireOp>;
  readonly source: OpMaker<SourceOp>;
  readonly file: OpMaker<FileOp>;
  readonly merge: OpMaker<MergeOp>;
  readonly diff: OpMaker<DiffOp>;
  readonly build: (definition: BuildOp, about: VertexAbout, sub: SubSolver) => Op;
}

/** The op of a vertex, by its kind. */
export function makeOps(makers: OpMakers): (vertex: Vertex, sub: SubSolver) => Op {
  return (vertex, sub) => {
    const { exec, source, file, merge, diff, build } = vertex.op;
    const about = aboutOf(vertex);
    if (exec !== undefined) return makers.exec(vertex.op, about);
    if (source !== undefined) return makers.source(source, about);
    if (file !== undefined) return makers.file(file, about);
    if (merge !== undefined) return makers.merge(merge, about);
    if (diff !== undefined) return makers.diff(diff, about);
    if (build !== undefined) return makers.build(build, about, sub);
    throw invalidArgument(`could not resolve op of ${vertex.digest}`);
  };
}

function aboutOf({ digest, name, op, description, inputs }: Vertex): VertexAbout {
  const { platform } = op;
  return {
    digest,
    name,
    description,
    inputs: inputs.length,
    platform: platform && {
      os: platform.OS,
      architecture: platform.Architecture,
      variant: platform.Variant,
      osVersion: platform.OSVersion,
    },
  };
}
