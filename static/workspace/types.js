/**
 * The shapes that the workspace shares with the server (see README.md). Coordinates are
 * continuous in the decoded picture: (0, 0) is the outer corner of the top left pixel.
 *
 * @typedef {{size: [number, number], counts: string}} Rle  COCO run lengths; size = [height_px, width_px]
 * @typedef {{type: "mask", rle: Rle}} MaskShape
 * @typedef {{type: "tip", point: [number, number]}} TipShape
 * @typedef {{type: "box", box: [number, number, number, number]}} BoxShape  x, y, width, height
 * @typedef {MaskShape | TipShape | BoxShape} Shape
 * @typedef {"visible" | "occluded" | "absent"} KeyframeState
 * @typedef {{state: KeyframeState, shape: Shape | null, attributes: Record<string, string>}} Keyframe
 * @typedef {{clip: string, class_id: string, number: number, attributes: Record<string, string>,
 *   keyframes: Record<string, Keyframe>}} Track
 * @typedef {{clip: string, class_id: string, start_frame: number, end_frame: number,
 *   attributes: Record<string, string>}} Interval  start inclusive, end exclusive
 * @typedef {{clips?: string[], tracks: Record<string, Track>, intervals: Record<string, Interval>}} Labels
 *
 * @typedef {{op: "track.create", object: string, clip: string, class_id: string, number?: number}} TrackCreate
 * @typedef {{op: "track.delete", object: string}} TrackDelete
 * @typedef {{op: "track.set", object: string, attributes: Record<string, string>}} TrackSet
 * @typedef {{op: "keyframe.set", object: string, frame_index: number, state: KeyframeState,
 *   shape: Shape | null, attributes: Record<string, string>}} KeyframeSet
 * @typedef {{op: "keyframe.delete", object: string, frame_index: number}} KeyframeDelete
 * @typedef {{op: "interval.set", object: string, clip: string, class_id: string, start_frame: number,
 *   end_frame: number, attributes: Record<string, string>}} IntervalSet
 * @typedef {{op: "interval.delete", object: string}} IntervalDelete
 * @typedef {TrackCreate | TrackDelete | TrackSet | KeyframeSet | KeyframeDelete | IntervalSet | IntervalDelete} Operation
 * @typedef {Operation & {id: string, seq: number}} SentOperation
 *
 * @typedef {"mask" | "tip" | "box" | "phase" | "event"} Geometry
 * @typedef {{id: string, name: string, type: "choice", values: {id: string, name: string}[]}} Attribute
 * @typedef {{id: string, name: string, geometry: Geometry, color: string, shortcut?: string,
 *   guideline?: string, attributes?: Attribute[], max_keyframe_gap_frames?: number}} LabelClass
 * @typedef {{slug: string, version: number, title: string, classes: LabelClass[]}} Ontology
 *
 * @typedef {{id: string, name: string, state: string, n_frames: number, width_px: number, height_px: number,
 *   time_base: [number, number], fps: number, duration_s: number, pseudonym?: string,
 *   warnings?: {code: string, message: string}[], blanked_spans?: [number, number][],
 *   review_url: string | null, frame_url: string, pts_url: string,
 *   progress?: {state: string, progress: number, step: string} | null}} Clip
 * @typedef {{n_frames: number, time_base: [number, number], pts: number[], key: number[],
 *   review_time_base?: [number, number], review_pts?: number[]}} FrameIndex  key: IDR pictures of the copy that plays
 * @typedef {{id: string, state: string, revision: number, author_is_me: boolean, origin: string,
 *   ontology: Ontology, labels: Labels, clips: (string | {id: string})[]}} LabelSet
 * @typedef {{username: string, display_name: string, user_key: string, roles: string[]}} Me
 *
 * @typedef {{frame_index: number, state: KeyframeState, shape: Shape | null, interpolated: boolean}} Expanded
 * @typedef {"select" | "brush" | "eraser" | "polygon" | "tip" | "box"} ToolName
 */

export {};
