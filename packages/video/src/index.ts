// A video goes through these folders: source → probe → sample → decode → compose → tiles.
export { pairFrames } from './caption/pair-frames.ts';
export { type SizedLabelPainter, stripOfFrames } from './caption/strip-of-frames.ts';
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
export {
  type DecodeOptions,
  decodeFrames,
  type VideoFrame,
} from './decode/decode-frames.ts';
export { type Ffmpeg, type FfmpegEnvironment, findFfmpeg } from './decode/find-ffmpeg.ts';
export type { Strategy } from './decode/plan-runs.ts';
export {
  DamagedVideoError,
  DecoderFailedError,
  FfmpegMissingError,
  type FrameCounts,
  NoFramesError,
  NotAVideoError,
  TooManyFramesError,
  VideoAddressRefusedError,
  VideoDownloadError,
  VideoError,
  VideoLimitError,
  VideoNotReadableError,
} from './errors.ts';
export {
  chooseKeyframes,
  extractKeyframes,
  type KeyframeOptions,
  type KeyframeScan,
  scanForKeyframes,
} from './keyframes/extract-keyframes.ts';
export { cosineSimilarity, type Embed, type Similarity } from './keyframes/similarity.ts';
export { defaultLimits, type VideoLimits } from './limits.ts';
export {
  type LoadVideoOptions,
  loadTiledVideo,
  type ShownFrame,
  type TiledVideo,
  type VideoProgress,
} from './load-tiled-video.ts';
export { framesThatFit, planVideo, type VideoPlan } from './plan-video.ts';
export type { Container, ForeignContainer, VideoFacts } from './probe/facts.ts';
export { type ChooseFramesOptions, chooseFrames } from './sample/choose-frames.ts';
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
export { sampleAtMost } from './sample/thin-sampling.ts';
export { evenTimeline, frameAt, framesBefore, type Timeline } from './sample/timeline.ts';
export type { VideoBytes, VideoSource } from './source/video-source.ts';
export { type TileFramesOptions, tileFrames } from './tile-frames.ts';
export { type OpenVideoOptions, openVideo, type Video } from './video.ts';
