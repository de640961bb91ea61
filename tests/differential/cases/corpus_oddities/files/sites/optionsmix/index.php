optionsmix index.php
