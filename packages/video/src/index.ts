// A video goes through these folders: source → probe → sample → decode → compose → tiles.
export {
  type ComposeOptions,
  composeFrames,
} from './compose/compose-frames.ts';
export { sizeInComposite } from './compose/frame-size.ts';
export { type Coverage, dejaVuLabels, type LabelPainter, labelOf } from './compose/labels.ts';
export {
  type CompositePlan,
  type Place,
  type PlacedFrame,
  planComposite,
} from './compose/plan-composite.ts';
export { sampleFrames } from './sample/sample-frames.ts';
export type {
  AllSampling,
  CaptionSampling,
  ChatSampling,
  ClipSampling,
  CountSampling,
  DemoSampling,
  FramesSampling,
  RateSampling,
  Sampling,
  Stretch,
  TimesSampling,
} from './sample/sampling.ts';
export { evenTimeline, frameAt, framesBefore, type Timeline } from './sample/timeline.ts';
export {
  framesThatFit,
  planVideo,
  type TileFramesOptions,
  tileFrames,
  type VideoPlan,
} from './tile-frames.ts';
