# A Julia script that is the host: Python's PyPhoton uses the Julia that runs already, and both sides see the same arrays.
#
#     JULIA_PYTHONCALL_EXE=$(which python) JULIA_CONDAPKG_BACKEND=Null julia --project=... examples/interop/06_from_julia.jl
#
# The Python needs pyphoton and scikit-learn (and PyTorch for the last lines), the Julia project PythonCall and Flux.

using PythonCall

pp, datasets, np, torch = pyimport("pyphoton"), pyimport("sklearn.datasets"), pyimport("numpy"), pyimport("torch")
julia(x) = pyconvert(Any, pp.to_julia(x).julia)  # a Julia array over the memory of a Python array

# Python's data in Julia, without a copy: (1797, 64) there is (64, 1797) here, one digit in each column.
digits = datasets.load_digits()
pixels = np.ascontiguousarray(digits.data, dtype="float32")
x, y = julia(pixels), julia(np.ascontiguousarray(digits.target, dtype="int64"))
x ./= 16
println("largest pixel in Python: ", pixels.max())

# Python's way to describe and train, with this very Julia as the engine and a Julia function as a callback.
epochs = Ref(0)
counted(workout, phase) = (pyconvert(String, phase) == "valid" && (epochs[] += 1); nothing)
model = pp.Sequential(pp.Dense(32, pp.relu), pp.Dense(10))
workout = pp.Workout(model, pp.CrossEntropyLoss(use_softmax=true), pp.Adam(0.01), backend="julia", seed=0)
workout.fit_((pp.from_julia(x[:, 1:1500]), pp.from_julia(y[1:1500])), epochs=8, callbacks=pylist([pyfunc(counted)]))
println("epochs: ", epochs[])

# The model in Julia alone, from a file: the same scores, and it learns on without Python.
using PyPhoton
m = load_model(pyconvert(String, pp.save(workout, joinpath(tempdir(), "digits.safetensors")).__str__()))
test, labels = x[:, 1501:end], y[1501:end]
println("largest difference: ", maximum(abs.(m(test) .- julia(workout.predict(pp.from_julia(test))))))
fit!(Workout(m; lr=0.003), x[:, 1:1500], y[1:1500]; epochs=4)
correct(scores) = count(argmax(scores[:, j]) - 1 == labels[j] for j in axes(scores, 2)) / length(labels)
println("accuracy: ", round(correct(m(test)); digits=3))

# A torch tensor over Julia's memory: what Julia writes, torch sees.
scores = m(test)
tensor = torch.from_dlpack(pp.from_julia(scores))
scores[1, 1] = 1000
println("largest score in torch: ", tensor.max().item())
