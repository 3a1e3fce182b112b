/**
 * The shapes that the workspace shares with the server (see README.md). Coordinates are
 * continuous in the decoded picture: (0, 0) is the outer corner of the top left pixel.
 *
 * @typedef {{size: [number, number], counts: string}} Rle  COCO run lengths; size = [height_px, width_px]
 * @typedef {{type: "mask", rle: Rle}} MaskShape
 * @typedef {{type: "tip", point: [number, number]}} TipShape
 * @typedef {{type: "box", box: [number, number, number, number]}} BoxShape  x, y, width, height
 * @typedef {{type: "rotated_box", rotated_box: [number, number, number, number, number]}} RotatedBoxShape
 *   centre x, y, width, height, degrees clockwise on the screen
 * @typedef {{type: "shaft", points: [number, number][]}} ShaftShape  the tip, then where the shaft leaves the view
 * @typedef {{type: "polygon" | "polyline", points: [number, number][]}} OutlineShape
 * @typedef {{type: "keypoints", points: [number, number, number][]}} KeypointsShape
 *   x, y, seen (0 not placed, 1 hidden, 2 visible) in the order of the class's skeleton
 * @typedef {{type: "cuboid", points: [number, number][]}} CuboidShape  near face clockwise from top left, then the far face
 * @typedef {MaskShape | TipShape | BoxShape | RotatedBoxShape | ShaftShape | OutlineShape | KeypointsShape | CuboidShape} Shape
 * @typedef {"visible" | "occluded" | "absent"} KeyframeState
 * @typedef {{state: KeyframeState, shape: Shape | null, attributes: Record<string, Value>}} Keyframe
 * @typedef {{clip: string, class_id: string, number: number, attributes: Record<string, Value>,
 *   keyframes: Record<string, Keyframe>, missing?: number[], chunks?: number[],
 *   chunk_runs?: [number, number][]}} Track
 *   missing: chunks of 256 frames whose keyframes are not read yet, ascending (windows.js)
 * @typedef {{clip: string, class_id: string, start_frame: number, end_frame: number,
 *   attributes: Record<string, Value>}} Interval  start inclusive, end exclusive
 * @typedef {{clip: string, relation: string, subject: string, target: string, start_frame: number,
 *   end_frame: number}} Relation  between two tracks
 * @typedef {"accepted" | "redrawn" | "refused"} Verdict
 * @typedef {{clip: string, source: string, decision: Verdict, result: string | null}} Proposal  what was decided on
 *   an object of an imported label set, under that object's UUID
 * @typedef {{clips?: string[], tracks: Record<string, Track>, intervals: Record<string, Interval>,
 *   relations?: Record<string, Relation>, proposals?: Record<string, Proposal>}} Labels  a part of the last two that is empty is left out
 *
 * @typedef {{op: "track.create", object: string, clip: string, class_id: string, number?: number}} TrackCreate
 * @typedef {{op: "track.delete", object: string}} TrackDelete
 * @typedef {{op: "track.set", object: string, attributes: Record<string, Value>}} TrackSet
 * @typedef {{op: "keyframe.set", object: string, frame_index: number, state: KeyframeState,
 *   shape: Shape | null, attributes: Record<string, Value>}} KeyframeSet
 * @typedef {{op: "keyframe.delete", object: string, frame_index: number}} KeyframeDelete
 * @typedef {{op: "interval.set", object: string, clip: string, class_id: string, start_frame: number,
 *   end_frame: number, attributes: Record<string, Value>}} IntervalSet
 * @typedef {{op: "interval.delete", object: string}} IntervalDelete
 * @typedef {{op: "relation.set", object: string} & Relation} RelationSet
 * @typedef {{op: "relation.delete", object: string}} RelationDelete
 * @typedef {{op: "proposal.set", object: string} & Proposal} ProposalSet
 * @typedef {{op: "proposal.delete", object: string}} ProposalDelete
 * @typedef {TrackCreate | TrackDelete | TrackSet | KeyframeSet | KeyframeDelete | IntervalSet | IntervalDelete
 *   | RelationSet | RelationDelete | ProposalSet | ProposalDelete} Operation
 * @typedef {Operation & {id: string, seq: number}} SentOperation
 *
 * @typedef {"mask" | "tip" | "box" | "rotated_box" | "shaft" | "polygon" | "polyline" | "keypoints" | "cuboid"
 *   | "phase" | "event" | "frame_tag" | "clip_tag"} Geometry
 * @typedef {string | boolean | number} Value
 * @typedef {{id: string, name: string, type: "choice" | "boolean" | "number", values?: {id: Value, name: string}[],
 *   unit?: string, minimum?: number, maximum?: number}} Attribute
 * @typedef {{id: string, name: string, geometry: Geometry, color: string, shortcut?: string,
 *   guideline?: string, guideline_link?: string, attributes?: Attribute[], max_keyframe_gap_frames?: number, interpolation?: string,
 *   skeleton?: {points: {id: string, name: string}[], edges: [number, number][]}}} LabelClass
 * @typedef {{id: string, name: string, subjects: string[], targets: string[]}} RelationKind  classes that it joins
 * @typedef {{slug: string, version: number, title: string, classes: LabelClass[], relations?: RelationKind[]}} Ontology
 *
 * @typedef {{x0_px: number, y0_px: number, x1_px: number, y1_px: number, mm_per_px_x: number, mm_per_px_y: number}} Region
 * @typedef {{id: string, name: string, state: string, n_frames: number, width_px: number, height_px: number,
 *   time_base: [number, number], fps: number, duration_s: number, pseudonym?: string,
 *   warnings?: {code: string, message: string}[], blanked_spans?: [number, number][], shots?: number[],
 *   regions?: Region[], review_url: string | null, frame_url: string, pts_url: string,
 *   progress?: {state: string, progress: number, step: string} | null}} Clip
 * @typedef {{n_frames: number, time_base: [number, number], pts: number[], key: number[],
 *   review_time_base?: [number, number], review_pts?: number[]}} FrameIndex  key: IDR pictures of the copy that plays
 * @typedef {{id: string, state: string, revision: number, author_is_me: boolean, origin: string,
 *   ontology: Ontology, labels: Labels, clips: (string | {id: string})[]}} LabelSet
 * @typedef {{username: string, display_name: string, user_key: string, roles: string[]}} Me
 *
 * @typedef {{frame_index: number, state: KeyframeState, shape: Shape | null, interpolated: boolean}} Expanded
 * @typedef {"select" | "brush" | "eraser" | "polygon" | "smart" | "tip" | "box" | "points"} ToolName
 */

export {};
