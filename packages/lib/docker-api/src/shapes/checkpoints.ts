import { flag, text } from '../json/codec';
import { struct } from '../json/struct';

/** Body of POST /containers/{id}/checkpoints. */
export const checkpointCreateBody = struct('checkpoint.CreateOptions', {
  CheckpointID: text,
  CheckpointDir: text,
  Exit: flag,
});
