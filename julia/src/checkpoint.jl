# Workouts that Python has saved, opened without Python: the plans say what to compute, the arrays are the parameters and what the
# optimiser goes on from.

"""What a file holds beside the workout, kept for the next save; and the steps done when it was read."""
struct Checkpoint
    about::Dict{String,Any}
    history::Dict{String,Any}
    steps::Int
end

const CHECKPOINTS = WeakKeyDict{Workout,Checkpoint}()

"""
    load_workout(path; safe_mode=true) -> Workout

The workout that Python's `save_workout` wrote: `fit!`, `predict` and `weights` go on from it. Plan 1 trains, plan 2 predicts.
Nothing in the file is executed, unless `safe_mode=false` lets the Julia code of its layers run. Errors: PlanError, which names the file.
"""
load_workout(path::AbstractString; safe_mode::Bool=true) = naming(() -> read_workout(path, safe_mode), path, "workout")

"""What `f` reads from a file; whatever is wrong is a PlanError that names the file."""
function naming(f, path, what)
    try
        return f()
    catch error
        error isa InterruptException && rethrow()
        error isa PlanError && throw(PlanError("$path: $(error.message)"))
        throw(PlanError("$path: expected a saved $what, received a damaged one ($(first(told(error), 300)))"))
    end
end

function read_workout(path, safe_mode::Bool)
    text_, stored = read_safetensors(path)
    about = parse_json(text_)::Dict{String,Any}
    check_format(about, ("workout",))
    arrays = grouped(stored, "parameters/")
    model = Model(model_in(about), arrays, safe_mode)
    training = plan_in(about, "training")
    training === nothing || check_parameters(training, arrays)
    handle = model.handle
    described_ = dict(about, "optimiser")
    haskey(described_, "class") || throw(PlanError("its optimiser is a Python class of somebody's own"))
    rule = read_optimiser(Dict{String,Any}("kind" => lowercase(text(described_, "class")), dict(described_, "args")...))
    session = Session(handle, rule, String[p::String for p in list(about, "frozen")])
    limit_session!(session, about, arrays)
    state = grouped(stored, "state/")
    isempty(state) || load_session!(session, checked_state(state, handle, rule))
    w = Workout(handle, session, arrays, whole(about, "seed"); model)
    forward_ = (model.plan, model.number)
    append!(w.plans, [training === nothing ? forward_ : (training, add_program!(handle, training)), forward_])
    CHECKPOINTS[w] = Checkpoint(about, grouped(stored, "history/"), session.steps)
    return w
end

"""Whether Python's optimiser has a schedule for its rate."""
function scheduled(w::Workout)
    haskey(CHECKPOINTS, w) || return false
    return get(dict(dict(CHECKPOINTS[w].about, "optimiser"), "args"), "schedule", nothing) !== nothing
end

"""The kind of file that it is. Errors: PlanError for another one than these, and for a newer format."""
function check_format(about, kinds)
    found = get(about, "format", nothing)
    parts = found isa String ? match(r"^pyphoton-(\w+)-(\d{1,6})$", found) : nothing
    parts === nothing && throw(PlanError("expected a $(kinds[1]) of format 1, received a file without a PyPhoton format"))
    parse(Int, parts[2]) == 1 || throw(PlanError("expected format 1, received $(parts[2]): a newer PyPhoton wrote it"))
    kind = String(parts[1])
    kind in kinds || throw(PlanError("expected a $(kinds[1]), received a $kind$(kind in KINDS_WITH_MODELS ? ": load_model reads it" : "")"))
    return kind
end

"""A plan of the file, with numbers of values that are in it; nothing where Python has none."""
plan_in(about, name) = plan_of_file(dict(about, "plans")[name], name)

function plan_of_file(data, name)
    data === nothing && return nothing
    plan = read_plan(json(data))
    check_plan(plan, name, plan.parameters)
    return plan
end

"""The plans of constraints, by the paths of parameters; a file without them has none."""
function limits_in(about)
    found = Dict{String,Plan}()
    for (path, data) in get(() -> Dict{String,Any}(), dict(about, "plans"), "limits")::Dict{String,Any}
        p = plan_of_file(data, path)
        p === nothing && throw(PlanError("a constraint calls Python functions: only Python can open it"))
        isempty(p.inputs) && length(p.outputs) == 1 || throw(PlanError("the constraint of $path is a plan without inputs and with one output"))
        found[path] = p
    end
    return found
end

"""Have a session hold the constraints of parameters that it trains."""
function limit_session!(session::Session, about, arrays)
    for (path, p) in limits_in(about)
        check_parameters(p, arrays)
        haskey(arrays, path) || throw(PlanError("there is no parameter $path to be constrained"))
        path in session.frozen || (session.limits[path] = program(session.owner, add_program!(session.owner, p)))
    end
end

"""Errors: PlanError unless all numbers of values, in the bodies of scans too, are the plan's own."""
function check_plan(plan::Plan, name, parameters)
    most = 4 * (length(plan.inputs) + length(plan.constants) + length(plan.steps)) + 1000
    used = vcat(plan.outputs, (s.inputs for s in plan.steps)...)
    plan.count <= most && all(id -> 1 <= id <= plan.count, used) && all(s -> s.output >= 1, plan.steps) && all(i -> i.id >= 1, plan.inputs) &&
        all(c -> c.first >= 1, plan.constants) || throw(PlanError("the $name plan has values of other numbers than its own"))
    for s in plan.steps
        check_recurrent(parameters, s)
        check_windows(s)
        check_scan(s, name, parameters)
    end
    return nothing
end

"""A scan has a body, and as many inputs as that wants; a gradient, too."""
function check_scan(s::PlanStep, name, parameters)
    s.op == "gradient" && return check_gradient(s, name, parameters)
    s.op == "scan" || s.body === nothing || throw(PlanError("$(s.path) $(s.op): a body"))
    s.op == "scan" || return nothing
    counts = [get(s.attrs, key, nothing) for key in ("steps", "sequences", "held")]
    good = s.body isa Plan && all(n -> n isa Int && 0 <= n < 2^20, counts) && counts[1] > 0 && all(key -> get(s.attrs, key, nothing) isa Bool, ("carried", "backwards"))
    states = good ? length(s.body.inputs) - counts[2] - counts[3] : -1
    good && states >= 0 && length(s.body.inputs) == length(s.inputs) >= 1 && length(s.body.outputs) == states + 1 || throw(PlanError("$(s.path) scan: inputs and outputs that do not fit its body"))
    check_plan(s.body, name, parameters)
end

"""A gradient has a body of its inputs, the first of which is of floats, that gives one number."""
function check_gradient(s::PlanStep, name, parameters)
    good = s.body isa Plan && length(s.body.inputs) == length(s.inputs) >= 1 && length(s.body.outputs) == 1 && startswith(s.body.inputs[1].dtype, "float")
    good || throw(PlanError("$(s.path) gradient: inputs and outputs that do not fit its body"))
    check_plan(s.body, name, parameters)
end

"""Windows move forwards and are not empty; nothing is taken away around them."""
function check_windows(s::PlanStep)
    for (name, least) in ("strides" => 1, "dilation" => 1, "pool_size" => 1, "size" => 1, "groups" => 1, "padding" => 0, "output_padding" => 0)
        haskey(s.attrs, name) && !all(n -> n isa Int && least <= n < 2^31, leaves(s.attrs[name])) && throw(PlanError("$(s.path) $(s.op): $name of $(first(json(s.attrs[name]), 80))"))
    end
end

leaves(value) = value isa AbstractVector ? Iterators.flatten(map(leaves, value)) : (value,)

const GATES = Dict("rnn" => 1, "lstm" => 4, "gru" => 3)

"""The loops over states trust `hidden`: it has to be what the parameters say."""
function check_recurrent(parameters, s::PlanStep)
    haskey(GATES, s.op) || return nothing
    rows = GATES[s.op] * whole(s.attrs, "hidden")
    shapes = Dict(p.path => p.shape for p in parameters)
    for (name, path) in s.params
        haskey(shapes, path) || throw(PlanError("no parameter $path is described"))
        shape = shapes[path]
        good = shape[end] == rows && (!startswith(name, "recurrent") || shape[1] * GATES[s.op] == rows)
        good || throw(PlanError("$path of shape $shape does not fit hidden $(s.attrs["hidden"])"))
    end
end

function check_parameters(plan::Plan, arrays)
    for p in plan.parameters
        a = get(arrays, p.path, nothing)
        a isa Array{plan.T} && size(a) == julia_size(p.shape) || throw(PlanError("expected parameter $(p.path) of $(plan.T) $(p.shape)"))
    end
end

grouped(stored, prefix) = Dict{String,Any}(String(chopprefix(name, prefix)) => a for (name, a) in stored if startswith(name, prefix))

"""A session's state whose slots fit the parameters; random numbers of another engine are left out."""
function checked_state(state, handle::ModuleHandle, rule)
    get(state, "step", nothing) isa Array{Int64} && length(state["step"]) == 1 || throw(PlanError("expected the number of steps in its state"))
    for (path, w) in handle.weights, slot in slot_names(rule)
        a = get(state, "$path/$slot", nothing)
        a === nothing || a isa Array{eltype(w.values)} && size(a) == w.size || throw(PlanError("expected $path/$slot of size $(w.size)"))
    end
    words = get(state, "random", nothing)
    words isa Vector{UInt64} && length(words) == fieldcount(Xoshiro) || delete!(state, "random")
    return state
end

"""
    save_workout(workout, path) -> path

Write a workout that `load_workout` gave, so that Python goes on from it: parameters, optimiser, counters; the history gets a row for
each epoch of `fit!`. Errors: PlanError for a workout that came from no file: only Python describes models.
"""
function save_workout(w::Workout, path::AbstractString)
    found = get(CHECKPOINTS, w, nothing)
    found === nothing && throw(PlanError("only a workout that load_workout gave can be saved: the model is described in its file"))
    about, done = copy(found.about), w.session.steps - found.steps
    about["steps"] = whole(about, "steps") + done
    about["epochs"] = whole(about, "epochs") + length(w.history)
    arrays = Dict{String,Any}("parameters/$path_" => a for (path_, a) in w.arrays)
    merge!(arrays, Dict{String,Any}("state/$name" => a for (name, a) in session_state(w.session)))
    merge!(arrays, Dict{String,Any}("history/$name" => a for (name, a) in with_epochs(found, w, about)))
    return write_safetensors(path, json(about), arrays)
end

"""The history's arrays with a row per epoch that was trained here. Steps are shared out evenly among these epochs."""
function with_epochs(found::Checkpoint, w::Workout, about)
    history, count = copy(found.history), length(w.history)
    count == 0 && return history
    rows = length(get(history, "epochs/epoch/at", Int64[]))
    each = (w.session.steps - found.steps) ÷ count
    first_epoch, first_step = whole(about, "epochs") - count, whole(about, "steps") - each * count
    columns = ("epoch" => Int64[first_epoch + k for k in 1:count], "steps" => Int64[first_step + each * k for k in 1:count], "loss" => w.history)
    for (name, new) in columns
        at, values_ = get(history, "epochs/$name/at", Int64[]), get(history, "epochs/$name/values", eltype(new)[])
        history["epochs/$name/at"] = vcat(at, Int64[number(rows + k) for k in 1:count])
        history["epochs/$name/values"] = vcat(values_, new)
    end
    return history
end
